/** Start, end, and what the command line promises about them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";
import { listenAddress, listenerKind } from "../support/transport.ts";

test("SIGTERM: DISCONNECT 0x8B, everything stored, status 0", { skip: oursOnly }, async () => {
  await using broker = await startBroker();
  const v5 = await RawClient.connect(broker.port, { version: 5 });
  const v4 = await RawClient.connect(broker.port, { clientId: "s", clean: false });
  await v4.subscribe("a", 1);
  const status = broker.stop();
  await v5.expectDisconnect(0x8b);
  await v4.expectClosed();
  assert.equal(await status, 0);
  await assert.rejects(RawClient.open(broker.port));
  await broker.restart();
  const again = await RawClient.connect(broker.port, { clientId: "s", clean: false });
  assert.equal(again.connack?.sessionPresent, true);
});

test("wills are sent when the broker ends; those of sessions reach absent subscribers", {
  skip: oursOnly,
}, async () => {
  await using broker = await startBroker();
  const watch = { clientId: "watch", clean: false } as const;
  const watcher = await RawClient.connect(broker.port, watch);
  await watcher.subscribe("will", 1);
  await watcher.disconnect();
  await RawClient.connect(broker.port, { clientId: "w", will: { topic: "will", payload: "gone", qos: 1 } });
  assert.equal(await broker.stop(), 0);
  await broker.restart();
  await (await RawClient.connect(broker.port, watch)).receive({ payload: "gone" });
});

test("SIGTERM under load, with a reader that does not read: ends in bounded time", {
  skip: oursOnly,
}, async () => {
  await using broker = await startBroker({ configuration: { max_online_messages: -1 } });
  const frozen = await RawClient.connect(broker.port, { version: 5 });
  await frozen.subscribe("#", 1);
  frozen.socket.pause();
  const publisher = await RawClient.connect(broker.port);
  const payload = Buffer.alloc(50_000);
  for (let i = 0; i < 300; i++) publisher.send({ cmd: "publish", topic: "a", payload });
  await publisher.publish("a", "last", { qos: 1 });
  const from = performance.now();
  assert.equal(await broker.stop(), 0);
  assert.ok(performance.now() - from < 15_000);
  frozen.destroy();
  publisher.destroy();
});

test("one data directory, one process", { skip: oursOnly }, async () => {
  await using broker = await startBroker();
  const dataDirectory = broker.directories.data;
  await assert.rejects(startBroker({ dataDirectory }), (error: Error) => {
    assert.match(error.message, /ended with status [1-9]/);
    return error.message.includes(dataDirectory);
  });
  await (await RawClient.connect(broker.port)).disconnect();
});

test("a wrong configuration: all errors at once on stderr, no start", { skip: oursOnly }, async () => {
  await assert.rejects(
    startBroker({ configuration: ["max_inflight_mesages = 3", "retry_interval = soon"] }),
    (error: Error) => {
      assert.match(error.message, /max_inflight_mesages/);
      assert.match(error.message, /max_inflight_messages/);
      assert.match(error.message, /retry_interval/);
      assert.match(error.message, /soon/);
      return true;
    },
  );
});

test("a port that is taken: a clear reason, no start", { skip: oursOnly }, async () => {
  await using broker = await startBroker();
  await assert.rejects(
    // The only listener: with another one, its port would be open until this one fails.
    startBroker({ configuration: { [`listener.${listenerKind()}.default`]: listenAddress(broker.port) } }),
    new RegExp(String(broker.port)),
  );
});

test("vmq-admin finds its broker by the run directory", { skip: oursOnly }, async () => {
  await using broker = await startBroker();
  const client = await RawClient.connect(broker.port, { clientId: "shown" });
  const shown = await broker.admin(["session", "show", "--client_id"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /shown/);
  const gone = await broker.admin(["session", "disconnect", "client-id=shown"]);
  assert.equal(gone.code, 0, gone.stderr);
  await client.expectClosed();
});
