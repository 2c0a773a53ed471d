import type { Clock } from "../clock/clock.ts";
import type { Logger } from "../log/logger.ts";
import type { QueueLimits } from "../queue/queue-context.ts";
import { SubscriberQueue } from "../queue/subscriber-queue.ts";
import type { Registry } from "../registry/registry.ts";
import { Subscriber } from "../registry/subscriber.ts";
import {
  decodeSubscription,
  parseKey,
  SubscriberReader,
  subscriberKey,
} from "../registry/subscriber-record.ts";
import { decodeWill, type WillRecord } from "../registry/will-record.ts";
import type { MessageStore, QueueHead } from "../store/participant.ts";
import type { Mountpoints } from "./mountpoints.ts";
import { StoredHeads } from "./stored-heads.ts";
import { loadIncoming } from "./stored-incoming.ts";

/** What was found in the store. */
export interface LoadReport {
  readonly sessions: number;
  readonly retained: number;
}

/**
 * Makes sessions, groups, wills and retained messages from the store, before the first connection. Time and memory
 * follow the number of sessions and retained messages, not that of queued ones, which stay on disk.
 */
export async function loadStored(
  store: MessageStore,
  mountpoints: Mountpoints,
  registry: Registry,
  limits: QueueLimits,
  clock: Clock,
  log: Logger,
): Promise<LoadReport> {
  const retained = await mountpoints.retained.load();
  for (const key of retained.damaged.slice(0, 10)) {
    log.error(
      "retained",
      `retained messages in the stored page ${key.replaceAll("\0", " ").trim()} cannot be read and are left out`,
    );
  }
  const heads = new StoredHeads();
  for await (const page of store.heads()) for (const { queue, head } of page) heads.add(queue, head);
  const incoming = await loadIncoming(store, log);
  mountpoints.loading(heads);
  for await (const page of store.records("group")) {
    for (const { key, value } of page) mountpoints.knownGroup(key, Number(value.toString()));
  }
  const wills = await loadWills(store, mountpoints, log);
  const record = new SubscriberReader();
  const startedSeconds = Math.floor(clock.now() / 1_000);
  let sessions = 0;
  /** Those that were online: what changes with them is written when they are complete. */
  const interrupted: Subscriber[] = [];
  let current: Subscriber | null = null;
  /** The session whose record was read last, also if that is no record: its subscriptions stand behind it. */
  let owner: ReturnType<typeof parseKey>;
  for await (const page of store.records("subscriber")) {
    for (const { key, value } of page) {
      const parsed = parseKey(key);
      if (parsed === undefined) continue;
      if (parsed.filter === undefined) {
        owner = parsed;
        current = restoreSubscriber(parsed.mountpoint, parsed.clientId, value);
        if (current === null) continue;
        sessions++;
        if (current.disconnectedAt === 0) interrupted.push(current);
        else registry.resumeTimers(current);
      } else if (parsed.clientId !== owner?.clientId || parsed.mountpoint !== owner.mountpoint) {
        // The session's own record was damaged: a later session with this id has nothing to do with the subscription.
        registry.forgetRecord("subscriber", key);
      } else if (current !== null) {
        const options = decodeSubscription(value);
        if (options !== undefined) registry.restoreSubscription(current, parsed.filter, options);
      }
    }
  }
  for (const subscriber of interrupted) registry.resumeTimers(subscriber);
  // The session's own record was damaged: a later session with this id has nothing to do with the will.
  for (const key of wills.keys()) registry.forgetRecord("will", key);
  mountpoints.loading(null);
  for (const [key, id] of [...mountpoints.strayGroups()]) mountpoints.forgetGroup(key, id);
  if (heads.size > 0) {
    log.info("store", `ending ${heads.size} stored queues whose sessions have ended`);
    for (const [id, head] of heads.rest()) endStray(id, head);
  }
  for (const id of [...incoming.keys()]) endStray(id, null);
  return { sessions, retained: retained.loaded };

  /** A crash came while the messages of an ended session went back to their shared groups: that goes on. */
  function endStray(id: number, head: QueueHead | null): void {
    const queue = new SubscriberQueue(id, "", limits, mountpoints.of("").queues);
    restoreIncoming(queue);
    if (head !== null) queue.restore(head);
    queue.waker = () => {};
    queue.end().catch((error: unknown) => log.crash("store", `stored queue ${id} could not be ended`, error));
  }

  function restoreIncoming(queue: SubscriberQueue): void {
    const pages = incoming.get(queue.id);
    if (pages === undefined) return;
    incoming.delete(queue.id);
    for (const page of pages) queue.incoming.restorePage(page);
  }

  function restoreSubscriber(mountpoint: string, clientId: string, value: Buffer): Subscriber | null {
    if (!record.open(value)) {
      log.error("store", `the record of client ${clientId} is not readable and left out`);
      return null;
    }
    const tree = mountpoints.of(mountpoint);
    const queue = new SubscriberQueue(record.queue, clientId, limits, tree.queues);
    const head = heads.take(record.queue);
    // The pages first: ids that find no room in a head of format 1 join them.
    restoreIncoming(queue);
    if (head !== undefined) queue.restore(head);
    const subscriber = new Subscriber(tree, queue, record.expirySeconds, startedSeconds, registry);
    subscriber.legacy = record.legacy;
    subscriber.username = record.username;
    subscriber.disconnectedAt = record.disconnectedAt;
    const key = wills.size === 0 ? "" : subscriberKey(mountpoint, clientId);
    const will = wills.get(key);
    if (will !== undefined) {
      wills.delete(key);
      subscriber.will = will.will;
      subscriber.willDueAt = will.dueAt;
    }
    registry.restored(subscriber);
    while (record.next()) registry.restoreSubscription(subscriber, record.filter, record.options);
    return subscriber;
  }
}

async function loadWills(
  store: MessageStore,
  mountpoints: Mountpoints,
  log: Logger,
): Promise<Map<string, WillRecord>> {
  const wills = new Map<string, WillRecord>();
  for await (const page of store.records("will")) {
    for (const { key, value } of page) {
      const will = decodeWill(value, mountpoints.of(key.slice(0, key.indexOf("\0"))).topics);
      if (will === undefined)
        log.error("store", `the will of ${key.replaceAll("\0", " ").trim()} is not readable`);
      else wills.set(key, will);
    }
  }
  return wills;
}
