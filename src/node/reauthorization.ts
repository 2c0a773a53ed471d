import type { ChainResult } from "../plugin/answer.ts";
import type { HookChains } from "../plugin/chains.ts";
import type { TopicRequest, TopicRequestM5 } from "../plugin/hook.ts";
import type { Registry } from "../registry/registry.ts";
import type { Subscriber } from "../registry/subscriber.ts";
import { Session } from "../session/session.ts";

/** So many filters are judged at once. */
const BATCH = 100;
/** From this QoS on an answer is a refusal. */
const REFUSED = 0x80;
/** Reasons that say nothing about the client: a plugin is in trouble. */
const UNDECIDED: ReadonlySet<string> = new Set(["plugin_failed", "plugin_timeout"]);

/**
 * Asks auth_on_subscribe again for every subscription of a session, with that username, and ends those that are
 * refused. A client that is online is asked about through the plugins of its listener. Resolves when that is durable,
 * to true if something was removed.
 *
 * @throws Error when a plugin fails or does not answer in time: subscriptions not judged until then stay.
 */
export async function reauthorize(
  subscriber: Subscriber,
  username: string,
  registry: Registry,
  chains: HookChains,
): Promise<boolean> {
  const { handle } = subscriber;
  const asked = [...subscriber.subscriptions].map(([topic, options]): TopicRequestM5 => {
    const { qos, noLocal, retainAsPublished, retainHandling } = options;
    return { topic, qos, noLocal, retainAsPublished, retainHandling };
  });
  const ask = asker(subscriber, username, handle instanceof Session ? handle.services.chains : chains);
  let removed = false;
  for (let start = 0; start < asked.length && !subscriber.ended; start += BATCH) {
    const topics = asked.slice(start, start + BATCH);
    const verdict = await ask(topics);
    if (subscriber.ended) break;
    const ended = topics
      .map(({ topic }) => topic)
      .filter((topic, index) => isRefused(verdict, index) && registry.unsubscribe(subscriber, topic));
    if (ended.length === 0) continue;
    removed = true;
    if (!chains.on_topic_unsubscribed.isEmpty) {
      chains.on_topic_unsubscribed.run({ subscriberId: subscriber.id, topics: ended });
    }
  }
  await new Promise<void>((resolve) => registry.whenSaved(subscriber, resolve));
  return removed;
}

type Verdict = ChainResult<{ readonly topics: readonly TopicRequest[] }>;

function asker(
  { id: subscriberId, handle, legacy }: Subscriber,
  username: string,
  chains: HookChains,
): (topics: readonly TopicRequestM5[]) => Verdict | Promise<Verdict> {
  const v5 = handle instanceof Session ? handle.v5 === 1 : !legacy;
  if (v5) {
    return (topics) => chains.auth_on_subscribe_m5.run({ username, subscriberId, topics, properties: {} });
  }
  return (topics) =>
    chains.auth_on_subscribe.run({
      username,
      subscriberId,
      topics: topics.map(({ topic, qos }) => ({ topic, qos })),
    });
}

function isRefused(verdict: Verdict, index: number): boolean {
  if (verdict.kind === "ok") return (verdict.modifiers?.topics[index]?.qos ?? 0) >= REFUSED;
  if (UNDECIDED.has(verdict.reason)) throw new Error(`auth_on_subscribe gave no answer: ${verdict.reason}`);
  return true;
}
