import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { silentLogger } from "../log/logger.ts";
import { Message } from "../mqtt/message.ts";
import { NEVER } from "../registry/subscriber.ts";
import {
  encodeSubscriber,
  encodeSubscription,
  type SubscriberRecord,
  subscriberKey,
  subscriptionKey,
} from "../registry/subscriber-record.ts";
import { encodeWill } from "../registry/will-record.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { CommitBatch } from "../store/participant.ts";
import { loadStored } from "./loader.ts";
import { testNode } from "./node-test-support.ts";
import { sessionSettings } from "./session-settings.ts";

/** A node whose store holds what `put` gives it, before it has loaded it. */
async function nodeWith(context: TestContext, put: (batch: CommitBatch) => void) {
  const node = await testNode(context, "", []);
  const { store, mountpoints, registry, configuration, clock } = node.parts;
  store.touch({ dirty: false, collect: put, committed: () => undefined });
  const committed = () => new Promise<void>((resolve) => store.whenDurable(resolve));
  await committed();
  const errors: string[] = [];
  const log = { ...silentLogger, error: (_event: string, text: string) => void errors.push(text) };
  const load = () =>
    loadStored(store, mountpoints, registry, sessionSettings(configuration).value.queueLimits, clock, log);
  return { ...node.parts, errors, load, committed };
}

function record(changes: Partial<SubscriberRecord>): Buffer {
  return encodeSubscriber({
    queue: 1,
    expirySeconds: NEVER,
    legacy: true,
    disconnectedAt: 1_600_000_000_123,
    username: null,
    subscriptions: [],
    ...changes,
  });
}

function will(payload: string): Buffer {
  const buffer = Buffer.from(payload);
  const { length } = buffer;
  const topic = new TopicTable().internText("will");
  const message = new Message(topic, 0, false, buffer, 0, length, length, length, 0, null);
  return encodeWill({ will: { message, delaySeconds: 30, expirySeconds: -1 }, dueAt: 1_800_000_000_000 });
}

describe("loading what is stored", () => {
  it("makes each session with all that its record holds", async (context) => {
    const several = Array.from(
      { length: 16 },
      (_, i) => [`a filter of length/${i}/+`, subscriptionOptions(i % 3)] as const,
    );
    const long = "a-client-id-longer-than-a-short-one-".repeat(600);
    const { registry, mountpoints, load } = await nodeWith(context, (batch) => {
      batch.putRecord("subscriber", subscriberKey("", "none"), record({ queue: 1 }));
      batch.putRecord(
        "subscriber",
        subscriberKey("", "many"),
        record({ queue: 2, username: "u", subscriptions: several }),
      );
      batch.putRecord(
        "subscriber",
        subscriberKey("m", long),
        record({ queue: 3, expirySeconds: 60, legacy: false, disconnectedAt: 0 }),
      );
    });
    assert.equal((await load()).sessions, 3);
    assert.equal(registry.count, 3);
    const many = registry.find("", "many");
    assert.deepEqual(many === undefined ? [] : [...many.subscriptions], several);
    assert.equal(many?.username, "u");
    assert.equal(many?.expirySeconds, NEVER);
    assert.equal(many?.disconnectedAt, 1_600_000_000_123);
    assert.equal(mountpoints.of("").index.size, 16);
    const none = registry.find("", "none");
    assert.deepEqual([none?.subscriptions.size, none?.username, none?.legacy], [0, null, true]);
    const other = registry.find("m", long);
    assert.deepEqual(other?.id, { mountpoint: "m", clientId: long });
    assert.equal(other?.expirySeconds, 60);
    // It was online when the broker ended: its interval begins now.
    assert.notEqual(other?.disconnectedAt, 0);
    assert.notEqual(other?.dueTick, -1);
  });

  it("leaves out what is no record, and says so", async (context) => {
    const { registry, errors, load } = await nodeWith(context, (batch) => {
      const whole = record({ subscriptions: [["a/b", subscriptionOptions(1)]] });
      batch.putRecord("subscriber", subscriberKey("", "cut"), whole.subarray(0, whole.length - 1));
      batch.putRecord("subscriber", subscriberKey("", "whole"), whole);
    });
    assert.equal((await load()).sessions, 1);
    assert.equal(registry.find("", "cut"), undefined);
    assert.equal(registry.find("", "whole")?.subscriptions.size, 1);
    assert.deepEqual(errors, ["the record of client cut is not readable and left out"]);
  });

  it("gives a will to its session, and removes one whose session is gone", async (context) => {
    const { registry, store, load, committed } = await nodeWith(context, (batch) => {
      batch.putRecord("subscriber", subscriberKey("", "here"), record({}));
      batch.putRecord("will", subscriberKey("", "here"), will("mine"));
      batch.putRecord("will", subscriberKey("", "gone"), will("nobody's"));
    });
    await load();
    await committed();
    assert.equal(registry.find("", "here")?.willDueAt, 1_800_000_000_000);
    assert.notEqual(await store.readRecord("will", subscriberKey("", "here")), null);
    assert.equal(await store.readRecord("will", subscriberKey("", "gone")), null);
  });

  it("removes subscriptions whose session is gone, and gives them to no other", async (context) => {
    const options = encodeSubscription(subscriptionOptions(1));
    const own = subscriptionKey("b", "here", "own");
    const strays = [
      subscriptionKey("a", "first", "x"),
      subscriptionKey("b", "gone", "x"),
      // The session before it has the same client id in another mountpoint.
      subscriptionKey("c", "here", "x"),
    ];
    const { registry, mountpoints, store, load, committed } = await nodeWith(context, (batch) => {
      batch.putRecord("subscriber", subscriberKey("b", "here"), record({}));
      for (const key of [own, ...strays]) batch.putRecord("subscriber", key, options);
    });
    assert.equal((await load()).sessions, 1);
    await committed();
    assert.deepEqual(
      [...(registry.find("b", "here")?.subscriptions ?? [])].map(([filter]) => filter),
      ["own"],
    );
    for (const name of ["a", "b", "c"]) assert.equal(mountpoints.of(name).index.size, name === "b" ? 1 : 0);
    assert.notEqual(await store.readRecord("subscriber", own), null);
    for (const key of strays) assert.equal(await store.readRecord("subscriber", key), null);
  });
});
