import type { SettlementListener } from "../mqtt/message.ts";
import type { CommitBatch } from "../store/participant.ts";
import { type IncomingPage, IncomingPages } from "./incoming-pages.ts";

/**
 * So many ids go with the head of the queue, which is written with every commit; further ones go into pages. More than
 * clients usually have open.
 */
const IN_HEAD = 256;

/** Who has the ids committed. */
export interface IncomingOwner {
  /** The session whose tickets wait; null while offline. */
  readonly listener: SettlementListener | null;
  /** Asks for a commit that takes the ids along; false when the session is not stored. */
  saveIncoming(): boolean;
}

/**
 * The packet ids of incoming QoS 2 publishes that wait for PUBREL, and the session's tickets that wait until a change
 * of them is durable. Owned by a queue, whose commits carry them. What a commit costs does not follow their number.
 */
export class IncomingIds {
  readonly #owner: IncomingOwner;
  #ids: Set<number> | null = null;
  #pages: IncomingPages | null = null;
  #waiting: number[] | null = null;
  #collected: number[] | null = null;

  constructor(owner: IncomingOwner) {
    this.#owner = owner;
  }

  get size(): number {
    const further = this.#pages === null ? 0 : this.#pages.size;
    return this.#ids === null ? further : this.#ids.size + further;
  }

  /** No id is open, and the pages of those that were are no longer stored. */
  get idle(): boolean {
    return this.size === 0 && (this.#pages === null || this.#pages.idle);
  }

  has(packetId: number): boolean {
    return this.#ids?.has(packetId) === true || this.#pages?.has(packetId) === true;
  }

  /** Opens an id. True when `ticket` will be settled later, false when there is nothing to wait for. */
  add(packetId: number, ticket: number): boolean {
    this.#open(packetId);
    return this.#wait(ticket);
  }

  /** Closes an id (harmless for one that is not open). True when `ticket` will be settled later. */
  delete(packetId: number, ticket: number): boolean {
    if (this.#ids?.delete(packetId) !== true && this.#pages?.delete(packetId) !== true) return false;
    return this.#wait(ticket);
  }

  /** Has `ticket` settled when all is durable that is open now; false when there is nothing to wait for. */
  await(ticket: number): boolean {
    return this.#wait(ticket);
  }

  /** All that are open. */
  list(): readonly number[] {
    return this.#pages === null ? this.inHead() : [...this.inHead(), ...this.#pages.ids()];
  }

  /** Those for the head of the queue. */
  inHead(): readonly number[] {
    return this.#ids === null ? [] : [...this.#ids];
  }

  /** Takes over what a stored head has: in stores of format 1 that is all. */
  restore(packetIds: readonly number[]): void {
    for (const packetId of packetIds) this.#open(packetId);
  }

  /** Takes over a page from the store. */
  restorePage(page: IncomingPage): void {
    this.#pages ??= new IncomingPages();
    this.#pages.restore(page);
  }

  /** The connection has gone: nobody waits any more. */
  forgetTickets(): void {
    this.#waiting = null;
    this.#collected = null;
  }

  /** A commit takes the ids of `queue` along: those for its head by `inHead`, what has changed of the others here. */
  collect(batch: CommitBatch, queue: number): void {
    if (this.#pages !== null) {
      this.#pages.collect(batch, queue);
      if (this.#pages.idle) this.#pages = null;
    }
    if (this.#waiting === null) return;
    this.#collected = this.#waiting;
    this.#waiting = null;
  }

  /** The queue has ended: nothing of the ids stays in the store. */
  remove(batch: CommitBatch, queue: number): void {
    this.#pages?.remove(batch, queue);
  }

  /** That commit is durable. */
  committed(): void {
    const tickets = this.#collected;
    if (tickets === null) return;
    this.#collected = null;
    const { listener } = this.#owner;
    if (listener !== null) for (const ticket of tickets) listener.settled(ticket);
  }

  #open(packetId: number): void {
    this.#ids ??= new Set();
    if (this.#pages?.has(packetId) === true) return;
    if (this.#ids.size < IN_HEAD || this.#ids.has(packetId)) {
      this.#ids.add(packetId);
      return;
    }
    this.#pages ??= new IncomingPages();
    this.#pages.add(packetId);
  }

  #wait(ticket: number): boolean {
    if (!this.#owner.saveIncoming()) return false;
    this.#waiting ??= [];
    this.#waiting.push(ticket);
    return true;
  }
}
