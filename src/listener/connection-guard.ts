import type { Counters } from "../metrics/counters.ts";
import { Metric } from "../metrics/metric.ts";
import type { Newcomers } from "../session/newcomers.ts";
import { AddressLimits } from "./address-limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The limits of all listeners for MQTT together; Infinity or 0 for none. */
export interface GuardLimits {
  readonly connections: number;
  readonly perSecond: number;
  readonly connectionsPerAddress: number;
  readonly perSecondAndAddress: number;
  readonly unauthenticated: number;
}

/** Nothing is limited. */
export const NO_LIMITS: GuardLimits = {
  connections: Number.POSITIVE_INFINITY,
  perSecond: 0,
  connectionsPerAddress: 0,
  perSecondAndAddress: 0,
  unauthenticated: Number.POSITIVE_INFINITY,
};

/** Decides about accepted connections before anything is spent on them, and counts those that are there. */
export class ConnectionGuard implements Newcomers {
  #limits: GuardLimits;
  readonly #counters: Counters;
  readonly #now: () => number;
  readonly #bucket: TokenBucket;
  readonly #addresses: AddressLimits;
  #connections = 0;
  #unauthenticated = 0;

  /** `now` in milliseconds. */
  constructor(limits: GuardLimits, counters: Counters, now: () => number) {
    this.#limits = limits;
    this.#counters = counters;
    this.#now = now;
    this.#bucket = new TokenBucket(limits.perSecond, now());
    this.#addresses = new AddressLimits(limits.connectionsPerAddress, limits.perSecondAndAddress, now);
  }

  /** Other limits count from now on. Who is there stays, and is counted: see `adopt`. */
  limit(limits: GuardLimits): void {
    this.#limits = limits;
    this.#addresses.limit(limits.connectionsPerAddress, limits.perSecondAndAddress);
  }

  /** Counts a connection of that address that was there when addresses began to count; it has to `leaveFrom`. */
  adopt(address: string): void {
    this.#addresses.adopt(address);
  }

  /** Connections that were let in and have not left. */
  get connections(): number {
    return this.#connections;
  }

  /** Connections whose CONNECT has not been accepted yet. */
  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  /** Lets a connection in, or says why not. What was let in has to `leave`. */
  enter(): string | null {
    const { connections, unauthenticated, perSecond } = this.#limits;
    if (this.#connections >= connections) {
      this.#counters.increment(Metric.socket_refused_limit);
      return `there are ${connections} connections already (protection.max_connections)`;
    }
    if (this.#unauthenticated >= unauthenticated) {
      this.#counters.increment(Metric.socket_refused_unauthenticated);
      return `there are ${unauthenticated} unauthenticated connections already (protection.max_unauthenticated)`;
    }
    if (perSecond > 0 && !this.#bucket.take(perSecond, this.#now())) {
      this.#counters.increment(Metric.socket_refused_rate);
      return `more than ${perSecond} connections per second (protection.connection_rate)`;
    }
    this.#connections++;
    return null;
  }

  leave(): void {
    this.#connections--;
  }

  /** Whether addresses count: else nobody has to find them out. */
  get byAddress(): boolean {
    return this.#addresses.active;
  }

  /** The same by the address of the client; what was let in has to `leaveFrom`. */
  enterFrom(address: string): string | null {
    const refusal = this.#addresses.enter(address);
    if (refusal === null) return null;
    this.#counters.increment(Metric.socket_refused_address);
    return refusal === "connections"
      ? `${address} has ${this.#limits.connectionsPerAddress} connections already (protection.max_connections_per_address)`
      : `${address} opens more than ${this.#limits.perSecondAndAddress} connections per second (protection.connection_rate_per_address)`;
  }

  leaveFrom(address: string): void {
    this.#addresses.leave(address);
  }

  came(): void {
    this.#unauthenticated++;
  }

  went(): void {
    this.#unauthenticated--;
  }
}
