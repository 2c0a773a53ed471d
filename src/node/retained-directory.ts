import { setImmediate as nextTurn } from "node:timers/promises";
import type { Message } from "../mqtt/message.ts";
import { parseTopicFilter } from "../mqtt/topic-filter.ts";
import type { RetainedStore } from "../retained/retained-store.ts";
import type { NodeParts } from "./running-node.ts";

/** How many messages are read at once. */
const PAGE = 64;

/** A retained message as `vmq-admin retain show` has it. */
export interface RetainedMessage {
  readonly mountpoint: string;
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** The retained messages of a node, for commands. */
export interface RetainedDirectory {
  /**
   * Those whose topic the MQTT filter matches, all with undefined; read as the iterator is pulled. A filter that is
   * not valid, or shared, matches nothing.
   */
  retained(filter: string | undefined): AsyncIterable<RetainedMessage>;
}

export function retainedDirectory({ mountpoints }: Pick<NodeParts, "mountpoints">): RetainedDirectory {
  return { retained: (filter) => select(mountpoints.retained.all(), filter) };
}

async function* select(
  stores: Iterable<RetainedStore>,
  filter: string | undefined,
): AsyncGenerator<RetainedMessage> {
  if (filter !== undefined) {
    const parsed = parseTopicFilter(filter);
    if (typeof parsed === "string" || parsed.group !== undefined) return;
  }
  for (const store of stores) {
    if (filter === undefined) {
      const { mountpoint } = store;
      for (const { topic, payload } of store.entries()) yield { mountpoint, topic, payload };
    } else yield* matching(store, filter);
  }
}

async function* matching(store: RetainedStore, filter: string): AsyncGenerator<RetainedMessage> {
  const { mountpoint } = store;
  const cursor = store.read(filter);
  for (let more = true; more; ) {
    const found: Message[] = [];
    more = cursor.next(PAGE, found);
    for (const { topic, buffer, payloadStart, payloadEnd } of found) {
      yield { mountpoint, topic: topic.text, payload: buffer.subarray(payloadStart, payloadEnd) };
    }
    // A filter that matches little of a large store must not hold up the clients.
    if (more && found.length === 0) await nextTurn();
  }
}
