import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SessionDirectory as Port } from "../admin/ports.ts";
import type { Hooks } from "../plugin/hook.ts";
import { testNode } from "./node-test-support.ts";
import { type MessageEntry, sessionDirectory } from "./session-directory.ts";

async function listed(messages: AsyncIterable<MessageEntry>): Promise<string[]> {
  const list: string[] = [];
  for await (const { topic, payload, qos, dup } of messages) {
    list.push(`${topic} ${Buffer.from(payload).toString()} ${qos}${dup ? " dup" : ""}`);
  }
  return list;
}

describe("sessionDirectory", () => {
  it("shows sessions with their connections and subscriptions", async (context) => {
    const { parts, clock, connect, subscribe } = await testNode(context, "", []);
    const directory: Port = sessionDirectory(parts);
    await connect("a", { version: 5, username: "u" });
    await connect("b", { clean: true, bridge: true, mountpoint: "m" });
    subscribe("a", "$share/g/x/#", 2);
    subscribe("a", "y", 1);
    const [a, b] = [...directory.sessions()];
    const now = clock.now();
    assert.ok(a !== undefined && b !== undefined);
    const { subscriptions, messages, queueId, connection, ...rest } = a;
    assert.deepEqual(rest, {
      node: "node@test",
      mountpoint: "",
      clientId: "a",
      state: "online",
      deliverMode: "fanout",
      offlineMessages: 0,
      onlineMessages: 0,
      cleanSession: false,
      isPlugin: false,
      queueStartedAt: now,
    });
    const { id, ...peer } = connection ?? {};
    assert.deepEqual(peer, {
      user: "u",
      peerHost: "192.0.2.7",
      peerPort: 40_000,
      protocol: 5,
      waitingAcks: 0,
      startedAt: now,
    });
    assert.deepEqual(
      [...subscriptions()],
      [
        { topic: "$share/g/x/#", qos: 2, rap: false, noLocal: false },
        { topic: "y", qos: 1, rap: false, noLocal: false },
      ],
    );
    assert.equal(b.cleanSession, true);
    assert.equal(b.connection?.protocol, 132);
    assert.equal(b.connection?.user, undefined);
    assert.notEqual(b.queueId, queueId);
    assert.notEqual(b.connection?.id, id);
    const [again] = [...directory.find("a")];
    assert.equal(again?.connection?.id, id);
    assert.equal(again?.queueId, queueId);
    assert.deepEqual([...directory.find("nobody")], []);
    assert.deepEqual(await listed(messages() as AsyncIterable<MessageEntry>), []);
  });

  it("finds a client id in every mountpoint", async (context) => {
    const { parts, connect } = await testNode(context, "", []);
    await connect("same");
    await connect("same", { mountpoint: "m" });
    await connect("other", { mountpoint: "m" });
    assert.deepEqual(
      [...sessionDirectory(parts).find("same")].map(({ mountpoint }) => mountpoint),
      ["", "m"],
    );
  });

  it("shows messages in flight and waiting, in memory and in the store, in order", async (context) => {
    const { parts, connect, subscribe, publish, committed } = await testNode(
      context,
      "max_inflight_messages = 2\nmax_offline_messages = -1\nmax_online_messages = -1",
      [],
    );
    const directory = sessionDirectory(parts);
    const { session } = await connect("a");
    subscribe("a", "t", 1);
    for (const payload of ["1", "2", "3"]) publish("t", payload);
    const only = () => {
      const [entry] = [...directory.sessions()];
      assert.ok(entry);
      return entry;
    };
    assert.equal(only().onlineMessages, 1);
    assert.equal(only().connection?.waitingAcks, 2);
    assert.deepEqual(await listed(only().messages()), ["t 1 1 dup", "t 2 1 dup", "t 3 1"]);
    session.onClose(null);
    // Committed in parts: the front of the queue leaves memory, the newest is not committed when it is shown.
    const many = Array.from({ length: 1_000 }, (_, index) => String(index + 4));
    for (const payload of many) publish("t", payload);
    await committed();
    publish("t", "newest", 2);
    const offline = only();
    assert.equal(offline.state, "offline");
    assert.equal(offline.offlineMessages, 1_004);
    assert.equal(offline.connection, undefined);
    assert.deepEqual(await listed(offline.messages()), [
      "t 1 1 dup",
      "t 2 1 dup",
      "t 3 1",
      ...many.map((payload) => `t ${payload} 1`),
      "t newest 1",
    ]);
    const references = new Set<string>();
    for await (const { reference } of offline.messages()) references.add(reference);
    assert.equal(references.size, 1_004);
  });

  it("disconnects with the reason and keeps the session", async (context) => {
    const { parts, connect } = await testNode(context, "", []);
    const directory = sessionDirectory(parts);
    const { transport } = await connect("a", { version: 5 });
    assert.equal(await directory.disconnect("", "a", false), true);
    assert.equal(transport.ended, true);
    assert.deepEqual([...transport.sent.subarray(-3)], [0xe0, 0x01, 0x98]);
    assert.equal([...directory.sessions()][0]?.state, "offline");
    assert.equal(await directory.disconnect("", "nobody", true), false);
    assert.equal(await directory.disconnect("m", "a", true), false);
  });

  for (const online of [true, false]) {
    it(`removes a session that is ${online ? "online" : "offline"}`, async (context) => {
      const { parts, connect, subscribe, publish } = await testNode(context, "", []);
      const directory = sessionDirectory(parts);
      const { session } = await connect("a");
      subscribe("a", "t", 1);
      if (!online) session.onClose(null);
      publish("t", "1");
      assert.equal(await directory.disconnect("", "a", true), true);
      assert.deepEqual([...directory.sessions()], []);
      assert.equal(parts.mountpoints.of("").index.size, 0);
      const records: string[] = [];
      for await (const page of parts.store.records("subscriber")) records.push(...page.map(({ key }) => key));
      assert.deepEqual(records, []);
    });
  }

  for (const version of [4, 5] as const) {
    it(`removes subscriptions that are refused now, MQTT ${version}`, async (context) => {
      const asked: (string | null)[] = [];
      const ended: unknown[] = [];
      const judge: NonNullable<Hooks["auth_on_subscribe"]> & NonNullable<Hooks["auth_on_subscribe_m5"]> = ({
        username,
        topics,
      }) => {
        asked.push(username);
        return {
          kind: "ok",
          modifiers: { topics: topics.map((each) => (each.topic.startsWith("keep") ? each : null)) },
        };
      };
      const hook = version === 5 ? "auth_on_subscribe_m5" : "auth_on_subscribe";
      const { parts, connect, subscribe } = await testNode(context, "", [
        {
          name: "judge",
          hooks: { [hook]: judge, on_topic_unsubscribed: ({ topics }) => ended.push(topics) },
        },
      ]);
      const directory = sessionDirectory(parts);
      const { session } = await connect("a", { version });
      for (const filter of ["keep/1", "drop/1", "keep/2", "$share/g/drop"]) subscribe("a", filter);
      assert.equal(await directory.reauthorize("", "a", "somebody"), true);
      assert.deepEqual(
        [...([...directory.sessions()][0]?.subscriptions() ?? [])].map(({ topic }) => topic),
        ["keep/1", "keep/2"],
      );
      assert.deepEqual(ended, [["drop/1", "$share/g/drop"]]);
      assert.deepEqual(asked, ["somebody"]);
      session.onClose(null);
      assert.equal(await directory.reauthorize("", "a", "somebody"), false);
      assert.equal(await directory.reauthorize("", "nobody", "somebody"), false);
      assert.equal(asked.length, 2);
    });
  }

  it("removes nothing when a plugin fails", async (context) => {
    const { parts, connect, subscribe } = await testNode(context, "", [
      {
        name: "broken",
        hooks: {
          auth_on_subscribe: () => {
            throw new Error("the database is away");
          },
        },
      },
    ]);
    const directory = sessionDirectory(parts);
    await connect("a");
    subscribe("a", "t");
    await assert.rejects(directory.reauthorize("", "a", "u"), /plugin_failed/);
    assert.equal(parts.registry.find("", "a")?.subscriptions.size, 1);
  });
});
