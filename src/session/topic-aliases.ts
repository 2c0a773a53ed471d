import type { Topic } from "../mqtt/topic.ts";

/** The topic aliases of one MQTT 5 connection, both ways [MQTT-3.3.2-7]. They end with it. */
export class TopicAliases {
  /** How many the broker may use towards the client. */
  readonly #outgoingMaximum: number;
  readonly #incoming: (Topic | null)[] = [];
  readonly #outgoing = new Map<Topic, number>();

  constructor(outgoingMaximum: number) {
    this.#outgoingMaximum = outgoingMaximum;
  }

  /** The client says which topic an alias stands for from now on. The alias is in range. */
  learn(alias: number, topic: Topic): void {
    while (this.#incoming.length < alias) this.#incoming.push(null);
    topic.lasting = true;
    this.#incoming[alias - 1] = topic;
  }

  /** The topic of an alias the client uses, or null. */
  resolve(alias: number): Topic | null {
    return this.#incoming[alias - 1] ?? null;
  }

  /** The alias the client knows a topic by, or 0. */
  known(topic: Topic): number {
    return this.#outgoing.get(topic) ?? 0;
  }

  /** The next free alias, or 0 when all are in use: they are given to the first topics and stay with them. */
  next(): number {
    return this.#outgoing.size < this.#outgoingMaximum ? this.#outgoing.size + 1 : 0;
  }

  /** The client has been sent the topic with that alias. */
  assign(topic: Topic, alias: number): void {
    this.#outgoing.set(topic, alias);
  }
}
