import type { QueuedMessage } from "./queue-page.ts";
import type { SubscriberQueue } from "./subscriber-queue.ts";

/** How many sequence numbers are looked at, or references read, at once. */
const PAGE = 256;

/**
 * The QoS 1 and 2 messages that a queue holds, in order, in memory or in the store; for administration. The queue may
 * change meanwhile: what comes after the first step is left out, what was acknowledged meanwhile may be shown.
 */
export async function* queueContents(queue: SubscriberQueue): AsyncGenerator<QueuedMessage> {
  const { store, topics } = queue.context;
  const { end } = queue.look(0, 0);
  let from = 0;
  while (!queue.ended) {
    const page = queue.look(from, PAGE);
    for (const queued of page.messages) {
      if (queued.sequence >= end) return;
      yield queued;
    }
    from = page.next;
    if (from >= Math.min(end, page.end)) return;
    if (from >= page.storedEnd) continue;
    const references = await store.readReferences(queue.id, from, PAGE, topics);
    for (const { sequence, qos, message } of references) {
      if (sequence >= Math.min(end, page.storedEnd)) break;
      yield { sequence, qos, sent: page.sentBelow > sequence, message };
    }
    const last = references.at(-1);
    from = last === undefined ? page.storedEnd : Math.min(page.storedEnd, last.sequence + 1);
  }
}
