import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "../log/logger.ts";
import { Message } from "../mqtt/message.ts";
import type { HookName, Hooks } from "../plugin/hook.ts";
import { PluginManager } from "../plugin/manager.ts";
import { createPluginRuntime } from "../plugin/runtime.ts";
import { TopicTable } from "../routing/topic-table.ts";
import { queueEvents, registryEvents } from "./queue-events.ts";

const ID = { mountpoint: "m", clientId: "c" };
/** What owns messages has the id among other things, which plugins must not get. */
const OWNER = { ...ID, secret: true };

function message(): Message {
  const buffer = Buffer.from("..hello..");
  return new Message(new TopicTable().internText("a/b"), 1, true, buffer, 2, 7, 7, 7, 0, null);
}

function set() {
  const events: { hook: HookName; event: unknown }[] = [];
  const note = (hook: HookName) => (event: unknown) => void events.push({ hook, event });
  const hooks: Hooks = {
    on_message_drop: note("on_message_drop"),
    on_offline_message: note("on_offline_message"),
    on_client_wakeup: note("on_client_wakeup"),
    on_client_offline: note("on_client_offline"),
    on_client_gone: note("on_client_gone"),
    on_session_expired: note("on_session_expired"),
    on_topic_unsubscribed: note("on_topic_unsubscribed"),
  };
  const manager = new PluginManager([{ name: "test", hooks }], createPluginRuntime(silentLogger));
  return { events, manager };
}

describe("events of queues and sessions", () => {
  it("are null or silent while no plugin listens", async () => {
    const { events, manager } = set();
    const queue = queueEvents(manager.chains);
    assert.equal(queue.messageDropped, null);
    assert.equal(queue.offlineMessage, null);
    registryEvents(manager.chains).clientGone(ID);
    await manager.enable("test");
    assert.notEqual(queue.messageDropped, null);
    await manager.disable("test");
    assert.equal(queue.offlineMessage, null);
    assert.deepEqual(events, []);
  });

  it("reach plugins with what has happened", async () => {
    const { events, manager } = set();
    await manager.enable("test");
    const queue = queueEvents(manager.chains);
    const kept = message();
    queue.messageDropped?.(OWNER, kept, "queue_full");
    queue.offlineMessage?.(OWNER, kept, 0, false);
    const registry = registryEvents(manager.chains);
    registry.clientWakeup(ID);
    registry.clientOffline(ID);
    registry.clientGone(ID);
    registry.sessionExpired(ID);
    registry.allTopicsUnsubscribed(ID);
    const payload = Buffer.from("hello");
    assert.deepEqual(events, [
      {
        hook: "on_message_drop",
        event: { subscriberId: ID, reason: "queue_full", qos: 1, retain: true, topic: "a/b", payload },
      },
      {
        hook: "on_offline_message",
        event: { subscriberId: ID, qos: 0, retain: false, topic: "a/b", payload },
      },
      { hook: "on_client_wakeup", event: { subscriberId: ID } },
      { hook: "on_client_offline", event: { subscriberId: ID } },
      { hook: "on_client_gone", event: { subscriberId: ID } },
      { hook: "on_session_expired", event: { subscriberId: ID } },
      { hook: "on_topic_unsubscribed", event: { subscriberId: ID, topics: "all_topics" } },
    ]);
  });

  it("give plugins a payload of their own", async () => {
    const spoiler: Hooks = { on_message_drop: ({ payload }) => payload.fill(0) };
    const manager = new PluginManager(
      [{ name: "spoiler", hooks: spoiler }],
      createPluginRuntime(silentLogger),
    );
    await manager.enable("spoiler");
    const kept = message();
    queueEvents(manager.chains).messageDropped?.(ID, kept, "expired");
    assert.equal(kept.buffer.toString(), "..hello..");
  });
});
