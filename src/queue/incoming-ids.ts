import type { SettlementListener } from "../mqtt/message.ts";

/**
 * The packet ids of incoming QoS 2 publishes that wait for PUBREL, and the session's tickets that wait until a change
 * of them is durable. Owned by a queue: its head carries the ids.
 */
export class IncomingIds {
  /** The session whose tickets wait; null while offline. */
  listener: SettlementListener | null = null;
  readonly #touch: (() => void) | null;
  #ids: Set<number> | null = null;
  #waiting: number[] = [];
  #collected: number[] = [];

  /** `touch` asks for a commit; null when the session is not stored. */
  constructor(touch: (() => void) | null) {
    this.#touch = touch;
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
    this.#waiting = [];
    this.#collected = [];
  }

  /** A commit has taken the ids along. */
  collect(): void {
    if (this.#waiting.length === 0) return;
    this.#collected = this.#waiting;
    this.#waiting = [];
  }

  /** That commit is durable. */
  committed(): void {
    if (this.#collected.length === 0) return;
    const tickets = this.#collected;
    this.#collected = [];
    const listener = this.listener;
    if (listener !== null) for (const ticket of tickets) listener.settled(ticket);
  }

  #wait(ticket: number): boolean {
    if (this.#touch === null) return false;
    this.#waiting.push(ticket);
    this.#touch();
    return true;
  }
}
