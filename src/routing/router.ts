import type { Message } from "../mqtt/message.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { SubscriptionIndex } from "./subscription-index.ts";

/** Where publishes with the retain flag go first. */
export interface RetainedSink {
  /** Keeps, replaces or (with an empty payload) deletes the retained message of the publication's topic. */
  set(publication: Publication): Message | null;
}

/** The way of every publish of one mountpoint to its subscribers, whoever published it. */
export class Router {
  private readonly index: SubscriptionIndex;
  private readonly retained: RetainedSink;
  private publishes = 0;
  private publishing = false;

  constructor(index: SubscriptionIndex, retained: RetainedSink) {
    this.index = index;
    this.retained = retained;
  }

  /**
   * Hands a publish to every matching subscription and returns how many there were (a shared group counts as one).
   * With the retain flag the retained store comes first. When a lasting copy was needed, it is in
   * `publication.copy` afterwards, and its `unsettled` says how many places are not safe yet.
   * @throws Error when called from within a delivery: a destination must not publish before it has returned.
   */
  publish(publication: Publication): number {
    if (this.publishing) throw new Error("a destination published while it took a delivery");
    if (publication.retain) this.retained.set(publication);
    const route = this.index.route(publication.topic);
    this.publishing = true;
    this.index.publishing = ++this.publishes;
    try {
      return route.deliver(publication);
    } finally {
      this.publishing = false;
      this.index.publishing = 0;
    }
  }
}
