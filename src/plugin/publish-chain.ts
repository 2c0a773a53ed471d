import { DecidingChain } from "./deciding-chain.ts";
import type { PublishRequest, SessionIdentity } from "./hook.ts";
import type { Implementation } from "./implementation.ts";
import { describeFailure, logFailure } from "./runtime.ts";
import type { Topic } from "./topics.ts";

/**
 * Decides about publishing by the topic alone: true allowed, false refused, undefined for the next plugin. Must be
 * quick, must not throw, and must give the same answer until the plugin calls `invalidate` of its context.
 */
export type TopicDecision = (session: SessionIdentity, topic: Topic) => boolean | undefined;

/** An implementation of `auth_on_publish` that may have a quick form. */
export interface PublishImplementation<Request> extends Implementation<Request> {
  readonly decide?: TopicDecision;
}

/**
 * The chain of `auth_on_publish` and its MQTT 5 form. While every implementation has a quick form, sessions ask through
 * `PublishPermission` and no request object is made per message.
 */
export class PublishChain<Request extends PublishRequest, Modifiers> extends DecidingChain<
  Request,
  Modifiers
> {
  /** All implementations decide by the topic alone (also true when there are none: then everything is refused). */
  byTopic = true;
  /** Raised whenever a decision may have changed: chains replaced, rules reloaded. */
  generation = 0;
  #decisions: readonly { readonly plugin: string; readonly decide: TopicDecision }[] = [];

  override replace(implementations: readonly PublishImplementation<Request>[]): void {
    super.replace(implementations);
    this.#decisions = implementations.flatMap(({ plugin, decide }) =>
      decide === undefined ? [] : [{ plugin, decide }],
    );
    this.byTopic = this.#decisions.length === implementations.length;
    this.generation++;
  }

  /** Forgets all decisions that sessions remember. */
  invalidate(): void {
    this.generation++;
  }

  /** Whether the quick forms allow publishing to `topic`; nobody decided means no. Only while `byTopic`. */
  decide(session: SessionIdentity, topic: Topic): boolean {
    for (const { plugin, decide } of this.#decisions) {
      try {
        const answer = decide(session, topic);
        if (answer !== undefined) return answer === true;
      } catch (cause) {
        logFailure(this.runtime, plugin, this.hook, describeFailure(cause, ""));
        return false;
      }
    }
    return false;
  }
}
