import { SubscriberReader, type SubscriberRecord } from "./subscriber-record.ts";

const reader = new SubscriberReader();

/** What a session's record holds; undefined for a value that is none. */
export function decodeSubscriber(value: Buffer): SubscriberRecord | undefined {
  if (!reader.open(value)) return undefined;
  const { queue, expirySeconds, legacy, disconnectedAt, username } = reader;
  const subscriptions: SubscriberRecord["subscriptions"][number][] = [];
  while (reader.next()) subscriptions.push([reader.filter, reader.options]);
  return { queue, expirySeconds, legacy, disconnectedAt, username, subscriptions };
}
