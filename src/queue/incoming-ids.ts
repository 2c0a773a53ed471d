import type { SettlementListener } from "../mqtt/message.ts";

/** Who has the ids committed. */
export interface IncomingOwner {
  /** Asks for a commit that takes the ids along; false when the session is not stored. */
  saveIncoming(): boolean;
}

/**
 * The packet ids of incoming QoS 2 publishes that wait for PUBREL, and the session's tickets that wait until a change
 * of them is durable. Owned by a queue: its head carries the ids.
 */
export class IncomingIds {
  /** The session whose tickets wait; null while offline. */
  listener: SettlementListener | null = null;
  readonly #owner: IncomingOwner;
  #ids: Set<number> | null = null;
  #waiting: number[] | null = null;
  #collected: number[] | null = null;

  constructor(owner: IncomingOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#ids === null ? 0 : this.#ids.size;
  }

  has(packetId: number): boolean {
    return this.#ids?.has(packetId) ?? false;
  }

  /** Opens an id. True when `ticket` will be settled later, false when there is nothing to wait for. */
  add(packetId: number, ticket: number): boolean {
    this.#ids ??= new Set();
    this.#ids.add(packetId);
    return this.#wait(ticket);
  }

  /** Closes an id (harmless for one that is not open). True when `ticket` will be settled later. */
  delete(packetId: number, ticket: number): boolean {
    if (this.#ids === null || !this.#ids.delete(packetId)) return false;
    return this.#wait(ticket);
  }

  /** Has `ticket` settled when all is durable that is open now; false when there is nothing to wait for. */
  await(ticket: number): boolean {
    return this.#wait(ticket);
  }

  list(): readonly number[] {
    return this.#ids === null ? [] : [...this.#ids];
  }

  restore(packetIds: readonly number[]): void {
    if (packetIds.length > 0) this.#ids = new Set(packetIds);
  }

  /** The connection has gone: nobody waits any more. */
  forgetTickets(): void {
    this.listener = null;
    this.#waiting = null;
    this.#collected = null;
  }

  /** A commit has taken the ids along. */
  collect(): void {
    if (this.#waiting === null) return;
    this.#collected = this.#waiting;
    this.#waiting = null;
  }

  /** That commit is durable. */
  committed(): void {
    const tickets = this.#collected;
    if (tickets === null) return;
    this.#collected = null;
    const listener = this.listener;
    if (listener !== null) for (const ticket of tickets) listener.settled(ticket);
  }

  #wait(ticket: number): boolean {
    if (!this.#owner.saveIncoming()) return false;
    this.#waiting ??= [];
    this.#waiting.push(ticket);
    return true;
  }
}
