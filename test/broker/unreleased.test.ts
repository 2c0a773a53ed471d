/** Very many QoS 2 publishes without PUBREL: exactly once over kill -9, each one forgotten when it is released. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly, startTarget } from "../support/suite.ts";

const OPEN = 2_000;
const GROUP = 200;

test("thousands of unreleased packet ids survive kill -9; nothing comes twice", {
  skip: oursOnly,
}, async () => {
  await using broker = await startTarget();
  const reader = await RawClient.connect(broker.port, { clientId: "reader", version: 5 });
  await reader.subscribe("once/#", 0);
  const options = { clientId: "publisher", clean: false } as const;
  let publisher = await RawClient.connect(broker.port, options);
  const publish = async (from: number, to: number, dup: boolean) => {
    for (let first = from; first < to; first += GROUP) {
      const ids = Array.from({ length: Math.min(GROUP, to - first) }, (_, index) => first + index);
      publisher.send(
        ...ids.map((id) => ({ cmd: "publish", topic: "once/a", payload: `${id}`, qos: 2, id, dup }) as const),
      );
      for (const id of ids) await publisher.expect("pubrec", { id, code: 0 });
    }
  };
  const release = async (from: number, to: number) => {
    for (let id = from; id < to; id++) publisher.send({ cmd: "pubrel", id });
    for (let id = from; id < to; id++) await publisher.expect("pubcomp", { id });
  };
  const again = async (client: RawClient) => {
    client.destroy();
    await broker.kill();
    await broker.restart();
    publisher = await RawClient.connect(broker.port, options);
    assert.equal(publisher.connack?.sessionPresent, true);
    const next = await RawClient.connect(broker.port, { clientId: "reader", version: 5 });
    await next.subscribe("once/#", 0);
    return next;
  };

  await publish(1, OPEN + 1, false);
  for (let id = 1; id <= OPEN; id++) await reader.expect("publish", { payload: `${id}` });
  await release(1, 101);
  await release(1_001, 1_101);

  let next = await again(reader);
  await publish(101, 1_001, true);
  await publish(1_101, OPEN + 1, true);
  await next.expectNothing();
  // Those that were released are free for other messages.
  await publish(1, 2, false);
  await publish(1_001, 1_002, false);
  await next.expect("publish", { payload: "1" });
  await next.expect("publish", { payload: "1001" });
  await release(1, OPEN + 1);

  next = await again(next);
  await publish(1, OPEN + 1, false);
  for (let id = 1; id <= OPEN; id++) await next.expect("publish", { payload: `${id}` });
  await next.expectNothing();
  publisher.destroy();
  next.destroy();
});
