import type { SessionIdentity } from "./hook.ts";
import type { Topic } from "./topics.ts";

/** Topics whose decision one session remembers. Beyond, it starts over: the memory of a session stays bounded. */
const MOST_REMEMBERED = 256;

/** What a permission needs of the chain of its session. */
export interface TopicDecider {
  readonly generation: number;
  decide(session: SessionIdentity, topic: Topic): boolean;
}

/**
 * What one session may publish to, remembered per interned topic that lasts. For chains that decide by the topic alone
 * (`PublishChain.byTopic`); a known topic costs one comparison or one look-up, and nothing is allocated.
 */
export class PublishPermission {
  readonly #identity: SessionIdentity;
  readonly #chain: TopicDecider;
  #generation: number;
  #lastTopic: Topic | null;
  #lastAnswer: boolean;
  /** Made with the second distinct topic: most sessions publish to one. */
  #known: Map<Topic, boolean> | null;

  constructor(identity: SessionIdentity, chain: TopicDecider) {
    this.#identity = identity;
    this.#chain = chain;
    this.#generation = chain.generation;
    this.#lastTopic = null;
    this.#lastAnswer = false;
    this.#known = null;
  }

  /** Whether the session may publish to `topic`, by the rules of this moment. Hot path. */
  allows(topic: Topic): boolean {
    if (this.#generation === this.#chain.generation) {
      if (topic === this.#lastTopic) return this.#lastAnswer;
    } else {
      this.#generation = this.#chain.generation;
      this.#lastTopic = null;
      this.#known = null;
    }
    return this.#find(topic);
  }

  #find(topic: Topic): boolean {
    let answer = this.#known?.get(topic);
    if (answer === undefined) {
      answer = this.#chain.decide(this.#identity, topic);
      if (topic.lasting && this.#lastTopic !== null) this.#remember(topic, answer);
    }
    this.#lastTopic = topic;
    this.#lastAnswer = answer;
    return answer;
  }

  #remember(topic: Topic, answer: boolean): void {
    if (this.#known === null) {
      this.#known = new Map();
      if (this.#lastTopic?.lasting === true) this.#known.set(this.#lastTopic, this.#lastAnswer);
    } else if (this.#known.size >= MOST_REMEMBERED) {
      this.#known.clear();
    }
    this.#known.set(topic, answer);
  }
}
