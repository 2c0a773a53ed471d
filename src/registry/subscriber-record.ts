import type { SubscriptionOptions } from "../routing/destination.ts";
import { subscriptionOptions } from "../routing/subscription-options.ts";
import { asList, parseList } from "./json-list.ts";

/** Up to this many subscriptions stand in the session's own record; more get a record each. */
export const INLINE_SUBSCRIPTIONS = 16;

/** What is stored of a persistent session. */
export interface SubscriberRecord {
  readonly queue: number;
  readonly expirySeconds: number;
  readonly legacy: boolean;
  readonly disconnectedAt: number;
  readonly username: string | null;
  readonly subscriptions: readonly (readonly [filter: string, options: SubscriptionOptions])[];
}

/** The key of a session's record; its subscription records follow it directly in key order. */
export function subscriberKey(mountpoint: string, clientId: string): string {
  return `${mountpoint}\0${clientId}`;
}

export function subscriptionKey(mountpoint: string, clientId: string, filter: string): string {
  return `${mountpoint}\0${clientId}\0${filter}`;
}

/** The parts of a key; without filter it is the session's own record. Undefined for what is no key. */
export function parseKey(
  key: string,
):
  | { readonly mountpoint: string; readonly clientId: string; readonly filter: string | undefined }
  | undefined {
  const first = key.indexOf("\0");
  if (first < 0) return undefined;
  const second = key.indexOf("\0", first + 1);
  const mountpoint = key.slice(0, first);
  if (second < 0) return { mountpoint, clientId: key.slice(first + 1), filter: undefined };
  return { mountpoint, clientId: key.slice(first + 1, second), filter: key.slice(second + 1) };
}

/** Options as one number; the identifier stands beside it. */
function packOptions(options: SubscriptionOptions): number {
  const { qos, noLocal, retainAsPublished, retainHandling } = options;
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}

function unpackOptions(packed: number, identifier: number): SubscriptionOptions {
  return subscriptionOptions(
    Math.min(2, packed & 3),
    (packed & 4) !== 0,
    (packed & 8) !== 0,
    Math.min(2, (packed >> 4) & 3),
    identifier,
  );
}

export function encodeSubscription(options: SubscriptionOptions): Buffer {
  return Buffer.from(JSON.stringify([packOptions(options), options.identifier]));
}

export function decodeSubscription(value: Buffer): SubscriptionOptions | undefined {
  const [packed, identifier] = parseList(value.toString()) ?? [];
  if (typeof packed !== "number" || typeof identifier !== "number") return undefined;
  return unpackOptions(packed, identifier);
}

export function encodeSubscriber(record: SubscriberRecord): Buffer {
  const { queue, expirySeconds, legacy, disconnectedAt, username, subscriptions } = record;
  const list = subscriptions.map(([filter, options]) => [filter, packOptions(options), options.identifier]);
  return Buffer.from(
    JSON.stringify([queue, expirySeconds, legacy ? 1 : 0, disconnectedAt, username, ...list]),
  );
}

/** Undefined for a value that is no record. */
export function decodeSubscriber(value: Buffer): SubscriberRecord | undefined {
  const parsed = parseList(value.toString()) ?? [];
  const [queue, expirySeconds, legacy, disconnectedAt, username, ...list] = parsed;
  if (typeof queue !== "number" || typeof expirySeconds !== "number" || typeof disconnectedAt !== "number") {
    return undefined;
  }
  const subscriptions: [string, SubscriptionOptions][] = [];
  for (const entry of list) {
    const [filter, packed, identifier] = asList(entry) ?? [];
    if (typeof filter !== "string" || typeof packed !== "number" || typeof identifier !== "number") {
      return undefined;
    }
    subscriptions.push([filter, unpackOptions(packed, identifier)]);
  }
  return {
    queue,
    expirySeconds,
    legacy: legacy === 1,
    disconnectedAt,
    username: typeof username === "string" ? username : null,
    subscriptions,
  };
}
