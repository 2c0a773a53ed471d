import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import mqttPacket, { type Packet } from "mqtt-packet";
import { STEPS_PER_TURN } from "../clock/long-works.ts";
import type { Subscribe } from "../mqtt/packet.ts";
import { type TestTransport, testNode } from "../node/node-test-support.ts";
import type { Plugin } from "../plugin/plugin.ts";

const FILTERS = Array.from({ length: 5_000 }, (_, index) => `many/${index}/+`);

const OK = { kind: "ok" } as const;
const ALLOW: Plugin = {
  name: "allow",
  hooks: { auth_on_subscribe: () => OK, auth_on_subscribe_m5: () => OK },
};

function subscribe(packetId = 1): Subscribe {
  return {
    kind: "subscribe",
    packetId,
    identifier: 0,
    userProperties: [],
    subscriptions: FILTERS.map((filter) => ({
      filter,
      group: undefined,
      topicFilter: filter,
      depth: 3,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
  };
}

/** The packets that a client was sent since the last call. */
function sentPackets(transport: TestTransport): Packet[] {
  const found: Packet[] = [];
  const parser = mqttPacket.parser({ protocolVersion: 5 });
  parser.on("packet", (packet) => found.push(packet));
  parser.parse(transport.take());
  return found;
}

/** Waits for packets; gives them and the most filters that came or went in one turn meanwhile. */
async function answered(
  transport: TestTransport,
  index: { readonly size: number },
): Promise<{ readonly answers: readonly Packet[]; readonly most: number; readonly turns: number }> {
  let most = 0;
  for (let turns = 1; turns < 10_000; turns++) {
    const before = index.size;
    await nextTurn();
    most = Math.max(most, Math.abs(index.size - before));
    const answers = sentPackets(transport);
    if (answers.length > 0) return { answers, most, turns };
  }
  assert.fail("no answer");
}

for (const clean of [true, false]) {
  test(`thousands of filters in a packet are dealt with a few in each turn, clean: ${clean}`, async (t) => {
    const node = await testNode(t, "", [ALLOW]);
    const { session, transport } = await node.connect("c", { version: 5, clean });
    const { index } = node.parts.mountpoints.of("");
    transport.take();
    assert.equal(session.onPacket(subscribe()), false, "what follows waits unread");
    const first = await answered(transport, index);
    const [suback] = first.answers;
    assert.ok(suback?.cmd === "suback" && first.answers.length === 1);
    assert.deepEqual(
      suback.granted,
      FILTERS.map(() => 1),
    );
    assert.deepEqual([index.size, session.paused], [FILTERS.length, false]);
    assert.equal(
      session.onPacket({ kind: "unsubscribe", packetId: 2, userProperties: [], filters: FILTERS }),
      false,
    );
    const second = await answered(transport, index);
    assert.deepEqual([second.answers[0]?.cmd, second.answers.length], ["unsuback", 1]);
    assert.deepEqual([index.size, session.paused], [0, false]);
    for (const { most, turns } of [first, second]) {
      assert.ok(most <= STEPS_PER_TURN, `${most} filters in one turn`);
      assert.ok(turns >= FILTERS.length / STEPS_PER_TURN);
    }
  });
}

test("records of very many subscriptions go into many commits, SUBACK comes after the last", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const { session, transport } = await node.connect("c", { version: 5, clean: false });
  const { index } = node.parts.mountpoints.of("");
  transport.take();
  const stored = () => node.database.data.size;
  const before = stored();
  let last = before;
  let most = 0;
  node.database.onApplied = () => {
    most = Math.max(most, stored() - last);
    last = stored();
  };
  session.onPacket(subscribe());
  const { answers } = await answered(transport, index);
  assert.equal(answers[0]?.cmd, "suback");
  assert.ok(stored() - before >= FILTERS.length, "all are on disk");
  assert.ok(most < 3_000, `${most} records in one commit`);
});

test("the connection ends in between: what is there is whole, nothing is answered", async (t) => {
  for (const clean of [true, false]) {
    const node = await testNode(t, "", [ALLOW]);
    const { session, transport } = await node.connect("c", { version: 5, clean });
    const { index } = node.parts.mountpoints.of("");
    transport.take();
    session.onPacket(subscribe());
    for (let turns = 0; index.size === 0; turns++) {
      assert.ok(turns < 100);
      await nextTurn();
    }
    const subscriber = node.parts.registry.find("", "c");
    session.onClose(null);
    for (let turns = 0; turns < 100; turns++) await nextTurn();
    await node.committed();
    assert.deepEqual(sentPackets(transport), []);
    assert.equal(index.size, clean ? 0 : subscriber?.subscriptions.size);
    assert.ok((subscriber?.subscriptions.size ?? 0) < FILTERS.length);
    for (const [filter] of subscriber?.subscriptions ?? []) assert.ok(FILTERS.includes(filter));
  }
});

test("another connection takes the session over in between: it goes on with what is there", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const old = await node.connect("c", { version: 5, clean: false });
  const { index } = node.parts.mountpoints.of("");
  old.session.onPacket(subscribe());
  for (let turns = 0; index.size === 0; turns++) {
    assert.ok(turns < 100);
    await nextTurn();
  }
  old.transport.take();
  const { session, transport } = await node.connect("c", { version: 5, clean: false });
  const taken = index.size;
  assert.deepEqual(
    sentPackets(old.transport).map(({ cmd }) => cmd),
    ["disconnect"],
  );
  transport.take();
  for (let turns = 0; turns < 50; turns++) await nextTurn();
  assert.equal(index.size, taken, "the old packet is not gone on with");
  session.onPacket(subscribe(7));
  const { answers } = await answered(transport, index);
  assert.ok(answers[0]?.cmd === "suback" && answers[0].messageId === 7);
  assert.equal(index.size, FILTERS.length);
});

test("a hook that answers later; what comes after the packet waits for its answer", async (t) => {
  const { promise, resolve } = Promise.withResolvers<typeof OK>();
  const node = await testNode(t, "", [{ name: "late", hooks: { auth_on_subscribe_m5: () => promise } }]);
  const { session, transport } = await node.connect("c", { version: 5, clean: false });
  const { index } = node.parts.mountpoints.of("");
  transport.take();
  session.onPacket(subscribe());
  transport.feed(mqttPacket.generate({ cmd: "pingreq" }));
  for (let turns = 0; turns < 10; turns++) await nextTurn();
  assert.equal(index.size, 0);
  resolve(OK);
  const cmds: string[] = [];
  while (cmds.length < 2) cmds.push(...(await answered(transport, index)).answers.map(({ cmd }) => cmd));
  assert.deepEqual(cmds.toSorted(), ["pingresp", "suback"]);
  assert.equal(index.size, FILTERS.length);
});

test("thousands of small SUBSCRIBE packets in one read: so many in each turn, in their order", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const { session, transport } = await node.connect("c", { version: 5, clean: true });
  const { index } = node.parts.mountpoints.of("");
  transport.take();
  const packets = Array.from({ length: 3_000 }, (_, i) =>
    mqttPacket.generate(
      { cmd: "subscribe", messageId: i + 1, subscriptions: [{ topic: `${i}`, qos: 0 }] },
      { protocolVersion: 5 },
    ),
  );
  session.version = 5;
  transport.feed(Buffer.concat(packets));
  let before = 0;
  for (let turns = 0; before < packets.length; turns++) {
    assert.ok(turns < 100);
    assert.ok(index.size - before <= 800, `${index.size - before} in one turn`);
    before = index.size;
    await nextTurn();
  }
  const ids = sentPackets(transport).map(({ messageId }) => messageId);
  assert.deepEqual(
    ids,
    packets.map((_, i) => i + 1),
  );
});

/** 100 SUBSCRIBE packets with 100 filters each, as one read brings them. */
function manyOfSome(prefix: string): Buffer {
  return Buffer.concat(
    Array.from({ length: 100 }, (_, i) =>
      mqttPacket.generate(
        {
          cmd: "subscribe",
          messageId: i + 1,
          subscriptions: Array.from({ length: 100 }, (__, k) => ({ topic: `${prefix}${i}/${k}`, qos: 1 })),
        },
        { protocolVersion: 5 },
      ),
    ),
  );
}

test("SUBSCRIBE packets with some filters each: their filters count, too", async (t) => {
  const node = await testNode(t, "", [ALLOW]);
  const { session, transport } = await node.connect("c", { version: 5, clean: true });
  const { index } = node.parts.mountpoints.of("");
  session.version = 5;
  transport.feed(manyOfSome("f/"));
  let before = 0;
  for (let turns = 0; before < 10_000; turns++) {
    assert.ok(turns < 100);
    assert.ok(index.size - before <= 3_000, `${index.size - before} in one turn`);
    before = index.size;
    await nextTurn();
  }
});

test("what is subscribed to in many packets waits for commits, and so does the end of many shared groups", async (t) => {
  for (const { clean, prefix } of [
    { clean: true, prefix: "$share/g/" },
    { clean: false, prefix: "$share/g/" },
    { clean: false, prefix: "f/" },
  ]) {
    const node = await testNode(t, "", [ALLOW]);
    const { session, transport } = await node.connect("c", { version: 5, clean });
    const { index } = node.parts.mountpoints.of("");
    session.version = 5;
    const stored = () => node.database.data.size;
    let last = stored();
    let most = 0;
    node.database.onApplied = () => {
      most = Math.max(most, Math.abs(stored() - last));
      last = stored();
    };
    /** How many filters come or go while a commit is being written; waits until there are `count`. */
    const changes = async (count: number, begin: () => void): Promise<number> => {
      const written = Promise.withResolvers<void>();
      node.database.gate = written.promise;
      const before = index.size;
      begin();
      for (let turns = 0; turns < 40; turns++) await nextTurn();
      const changed = Math.abs(index.size - before);
      node.database.gate = null;
      written.resolve();
      while (index.size !== count) await node.committed();
      await node.committed();
      return changed;
    };
    const about = `${prefix}, clean: ${clean}`;
    const subscribed = await changes(10_000, () => transport.feed(manyOfSome(prefix)));
    assert.ok(subscribed > 0 && subscribed < 8_000, `${subscribed} came during a commit (${about})`);
    assert.ok(most < 8_000, `${most} values in one commit (${about})`);
    if (!prefix.startsWith("$share") || !clean) continue;
    const ended = await changes(0, () => session.onClose(null));
    assert.ok(ended > 0 && ended < 4_000, `${ended} ended during a commit (${about})`);
  }
});
