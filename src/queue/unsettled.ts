import type { Message } from "../mqtt/message.ts";
import type { MessageStore } from "../store/participant.ts";

/** What an uncommitted entry weighs beside its bytes. */
const ENTRY_WEIGHT = 128;

/** An entry that has to be kept safe takes a message: its publisher waits, its bytes are uncommitted. Hot path. */
export function hold(message: Message, store: MessageStore): void {
  message.unsettled++;
  const bytes = weight(message);
  store.uncommittedBytes += bytes;
  store.gatheredBytes += bytes;
}

/** That entry is committed, acknowledged or dropped. Hot path. */
export function settle(message: Message, store: MessageStore): void {
  store.uncommittedBytes -= weight(message);
  message.settleOne();
}

/** What an uncommitted entry counts towards the limit of uncommitted bytes. */
function weight(message: Message): number {
  return (
    message.propertyEnd - message.propertyStart + message.payloadEnd - message.payloadStart + ENTRY_WEIGHT
  );
}
