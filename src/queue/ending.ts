import type { Message } from "../mqtt/message.ts";
import type { SharedGroup } from "../routing/shared-group.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import type { MessageStore, StoredReference } from "../store/participant.ts";
import { DONE, type EntryRing, QOS_MASK, UNSETTLED } from "./entry-ring.ts";
import type { QueueContext } from "./queue-context.ts";
import type { QueueState } from "./queue-state.ts";
import { LOAD_BATCH, LOAD_RETRY_MILLISECONDS } from "./stored-entries.ts";
import { settle } from "./unsettled.ts";

/** How a message goes back to its group: as it was published. */
export const REDELIVERED = subscriptionOptions(2, false, true);

/**
 * Empties a ring of a queue that has ended. What came through a shared group goes back to it, apart from QoS 2
 * messages among the first `sent` entries, which have been sent.
 */
export function giveBack(
  ring: EntryRing,
  sent: number,
  store: MessageStore,
  redeliver: (group: SharedGroup, message: Message) => void,
): void {
  for (let offset = 0; offset < ring.length; offset++) {
    const slot = ring.slot(offset);
    const state = ring.states[slot] ?? 0;
    const message = ring.messages[slot] ?? null;
    if (message === null || (state & DONE) !== 0) continue;
    const group = ring.extra(slot)?.group ?? null;
    if (group !== null && (offset >= sent || (state & QOS_MASK) === 1)) redeliver(group, message);
    if ((state & UNSETTLED) !== 0) settle(message, store);
  }
  ring.reset();
}

/**
 * The same for the part of an ended queue that is on disk only. Moves `doneBelow` over what has been given back, and
 * calls `touch` for every such step, so that the head is stored in the commit that stores what the group got.
 */
export async function giveBackStored(
  queue: number,
  state: QueueState,
  context: QueueContext,
  redeliver: (group: SharedGroup, message: Message) => void,
  touch: () => void,
): Promise<void> {
  const { store, topics, log } = context;
  let from = state.loadedEnd;
  state.doneBelow = from;
  touch();
  while (from < state.gapEnd) {
    let references: StoredReference[];
    try {
      references = await store.readReferences(queue, from, LOAD_BATCH, topics);
    } catch (error) {
      log
        .limited("queue-load", 1)
        .crash("queue", "stored messages of an ended session could not be read; trying again", error);
      await new Promise((resolve) => setTimeout(resolve, LOAD_RETRY_MILLISECONDS).unref());
      continue;
    }
    for (const { sequence, qos, group: id, message } of references) {
      from = sequence + 1;
      if (sequence >= state.gapEnd || id === 0 || state.coldDone?.has(sequence)) continue;
      if (qos === 2 && sequence < state.sentBelow) continue;
      const group = context.groupById(id);
      if (group !== null) redeliver(group, message);
    }
    if (references.length === 0) return;
    state.doneBelow = Math.min(from, state.gapEnd);
    touch();
  }
}
