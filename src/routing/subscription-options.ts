import type { SubscriptionOptions } from "./destination.ts";

const shared: SubscriptionOptions[] = [];

/**
 * The options of a subscription as one shared, frozen object per combination, so that a subscription without an
 * identifier costs no object. `qos` 0 to 2, `retainHandling` 0 to 2, `identifier` 0 for none.
 */
export function subscriptionOptions(
  qos: number,
  noLocal = false,
  retainAsPublished = false,
  retainHandling = 0,
  identifier = 0,
): SubscriptionOptions {
  if (identifier !== 0) return { qos, noLocal, retainAsPublished, retainHandling, identifier };
  const position = ((qos * 3 + retainHandling) * 2 + (noLocal ? 1 : 0)) * 2 + (retainAsPublished ? 1 : 0);
  let options = shared[position];
  if (options === undefined) {
    options = Object.freeze({ qos, noLocal, retainAsPublished, retainHandling, identifier });
    shared[position] = options;
  }
  return options;
}
