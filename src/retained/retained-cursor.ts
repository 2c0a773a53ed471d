import type { Message } from "../mqtt/message.ts";
import { END, type TopicWalk } from "./topic-walk.ts";

/** Steps of one call, so that a filter that matches little of a large store does not hold up the others. */
const MOST_STEPS = 4096;

/** Makes messages of records. */
export interface MessageMaker {
  /** The message of a record, or null when it has expired. */
  messageAt(address: number): Message | null;
  /** Whether the client with that id, in bytes, published it. */
  isPublishedBy(address: number, clientId: Buffer): boolean;
}

/**
 * The retained messages that match a filter, read a few at a time as the receiver takes them. The store may change
 * meanwhile: a message that is there all the time is read exactly once.
 */
export class RetainedCursor {
  private readonly walk: TopicWalk;
  private readonly maker: MessageMaker;
  private readonly notBy: Buffer | null;

  /** `notBy`: the client whose messages are left out. */
  constructor(walk: TopicWalk, maker: MessageMaker, notBy: Buffer | null) {
    this.walk = walk;
    this.maker = maker;
    this.notBy = notBy;
  }

  /**
   * Appends up to `limit` messages to `into`. False when there are no more; true when there may be, also if none was
   * found this time.
   */
  next(limit: number, into: Message[]): boolean {
    const full = into.length + limit;
    for (let steps = 0; steps < MOST_STEPS && into.length < full; steps++) {
      const address = this.walk.step();
      if (address === END) return false;
      if (address >= 0 && (this.notBy === null || !this.maker.isPublishedBy(address, this.notBy))) {
        const message = this.maker.messageAt(address);
        if (message !== null) into.push(message);
      }
    }
    return true;
  }
}
