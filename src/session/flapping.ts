/** Client ids that are remembered. */
const MOST_REMEMBERED = 100_000;

/** What counts as connecting too often. */
export interface FlappingRules {
  /** Connections within the window that are still all right. */
  readonly connects: number;
  readonly windowMilliseconds: number;
  readonly banMilliseconds: number;
}

interface History {
  /** Beginning of the window in which the connections are counted. */
  since: number;
  connects: number;
  bannedUntil: number;
}

/**
 * Finds client ids that connect again and again (a device that restarts in a loop, two clients that take one session
 * from each other), so that they can be refused for a while. Only accepted connections count: who has no credentials
 * cannot get the client id of somebody else refused.
 */
export class FlappingDetector {
  readonly #rules: FlappingRules;
  readonly #now: () => number;
  readonly #histories = new Map<string, History>();

  /** `now` in milliseconds. */
  constructor(rules: FlappingRules, now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  /** How many milliseconds a client id is still refused; 0 when it is not. */
  banned(mountpoint: string, clientId: string): number {
    const history = this.#histories.get(keyOf(mountpoint, clientId));
    return history === undefined ? 0 : Math.max(0, history.bannedUntil - this.#now());
  }

  /** A connection was accepted. True: with this one it has connected too often, and is refused from now on. */
  connected(mountpoint: string, clientId: string): boolean {
    const now = this.#now();
    const { connects, banMilliseconds } = this.#rules;
    const key = keyOf(mountpoint, clientId);
    let history = this.#histories.get(key);
    if (history === undefined || this.#isOver(history, now)) {
      this.#histories.delete(key);
      if (this.#histories.size >= MOST_REMEMBERED) this.#forget(now);
      history = { since: now, connects: 0, bannedUntil: 0 };
      this.#histories.set(key, history);
    }
    history.connects++;
    if (history.connects <= connects) return false;
    history.bannedUntil = now + banMilliseconds;
    return true;
  }

  /** A new window begins after the time of the old one, and after a ban. */
  #isOver({ since, bannedUntil }: History, now: number): boolean {
    return bannedUntil === 0 ? now - since >= this.#rules.windowMilliseconds : bannedUntil <= now;
  }

  /** The oldest windows stand first in the map. */
  #forget(now: number): void {
    for (const [key, history] of this.#histories) {
      if (this.#isOver(history, now) || this.#histories.size >= MOST_REMEMBERED) this.#histories.delete(key);
      else break;
    }
  }
}

function keyOf(mountpoint: string, clientId: string): string {
  return `${mountpoint}\0${clientId}`;
}
