/** What is known of clients and messages in the test of sessions against their model. */

import type { TestTransport } from "../../src/node/node-test-support.ts";
import { Decoder, type OutPacket } from "./wire.ts";

/** A session that never expires. */
export const NEVER = 0xffff_ffff;
/** `persistent_client_expiration`, in seconds. */
export const LEGACY_EXPIRY = 40;

export type Version = 3 | 4 | 5;
export type Qos = 0 | 1 | 2;

/** What the broker may have of a client. */
export interface State {
  /** Which session it is: a new one has a new number. */
  readonly session: number;
  /** It was kept in the store from its beginning. */
  readonly stored: boolean;
  readonly legacy: boolean;
  readonly expiry: number;
  /** Milliseconds at which the connection ended, or null. */
  readonly end: number | null;
  readonly filters: ReadonlyMap<string, Qos>;
}

/** What is to be expected of a message and a receiver. */
export interface Expectation {
  /** It must come at least once. */
  must: boolean;
  /** Deliveries that may come at all, and with QoS 2. */
  most: number;
  mostTwo: number;
  got: number;
  gotTwo: number;
}

/** A message that was published. */
export interface Sent {
  readonly number: number;
  readonly topic: string;
  readonly qos: Qos;
  readonly payload: string;
  readonly publisher: string;
  /** Message expiry interval in seconds, 0 for none. */
  readonly expiry: number;
  /** Milliseconds after which it is not delivered for the first time, 0 for never. */
  expiresAt: number;
  acknowledged: boolean;
  /** A will of which a crash has left open what becomes of it. */
  free: boolean;
  /** It was published once more. */
  repeated: boolean;
  readonly expected: Map<Client, Expectation>;
  /** By group: as for a client. */
  readonly groups: Map<string, Expectation>;
}

/** The will of a connection, or of one that has ended. */
export interface PendingWill {
  readonly sent: Sent;
  readonly delay: number;
  /** Milliseconds at which it is due once its connection has ended, or null. */
  due: number | null;
  /** That it stands so is durable. */
  sure: boolean;
}

/** A client with its half of the protocol's state. */
export class Client {
  readonly id: string;
  link: Link | null = null;
  version: Version = 4;
  /** What the broker may have of it, now and on its disk. */
  possible: (State | null)[] = [null];
  disk: (State | null)[] = [null];
  /** QoS 2: ids that were received and not released, with their message. */
  readonly open = new Map<number, number>();
  /** QoS 1: ids that were received and not acknowledged. */
  readonly unanswered = new Map<number, number>();
  /** Own publishes that are not complete. */
  readonly unfinished = new Map<number, { readonly sent: Sent; released: boolean }>();
  /** The session that it has, as far as it knows. */
  session = 0;
  will: PendingWill | null = null;
  /** The highest message that came, by topic and QoS. */
  readonly last = new Map<string, number>();

  constructor(id: string) {
    this.id = id;
  }

  forget(): void {
    this.open.clear();
    this.unanswered.clear();
    this.last.clear();
  }
}

/** One connection of a client. */
export class Link {
  readonly transport: TestTransport;
  readonly close: () => void;
  readonly decoder: Decoder;
  readonly window: number;
  /** The number of a session that it makes. */
  readonly newest: number;
  up = false;
  readonly inFlight = new Set<number>();
  readonly held: OutPacket[] = [];
  /** SUBSCRIBE and UNSUBSCRIBE that are not acknowledged. */
  readonly changes = new Set<number>();

  constructor(transport: TestTransport, close: () => void, version: Version, window: number, newest: number) {
    this.transport = transport;
    this.close = close;
    this.decoder = new Decoder(version);
    this.window = window;
    this.newest = newest;
  }
}

/** Whether a filter without `$share` matches. */
export function matches(filter: string, topic: string): boolean {
  return filter === topic || ((filter === "d/+" || filter === "d/#") && topic.startsWith("d/"));
}

/** Whether the session has expired. */
export function isOver(state: State | null, now: number): boolean {
  if (state === null || state.end === null) return false;
  const seconds = state.legacy ? LEGACY_EXPIRY : state.expiry;
  return seconds !== NEVER && now >= state.end + seconds * 1_000;
}

/** What a crash leaves of it. */
export function kept(state: State | null): State | null {
  return state?.stored === true ? state : null;
}

/** Each state once. */
export function unique(states: readonly (State | null)[]): (State | null)[] {
  const byText = new Map<string, State | null>();
  for (const state of states) {
    byText.set(
      JSON.stringify(state === null ? null : { ...state, filters: [...state.filters].sort() }),
      state,
    );
  }
  return [...byText.values()];
}
