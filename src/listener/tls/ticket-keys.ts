import { randomBytes } from "node:crypto";

/** As the runtime wants them. */
const LENGTH = 48;
/** Whoever gets hold of a key can read sessions of so much time at most, milliseconds. */
const LIFETIME = 24 * 3_600_000;

/**
 * The keys by which a listener knows its session tickets again. They outlive new certificates, so that clients need no
 * full handshake after one. They do not outlive a change of who is let in: what a ticket resumes is not verified anew.
 */
export class TicketKeys {
  #keys = randomBytes(LENGTH);
  #trust = "";
  #since = 0;

  for(trust: string, now: number): Buffer {
    if (trust !== this.#trust || this.expired(now)) {
      this.#keys = randomBytes(LENGTH);
      this.#trust = trust;
      this.#since = now;
    }
    return this.#keys;
  }

  expired(now: number): boolean {
    return now - this.#since >= LIFETIME;
  }
}
