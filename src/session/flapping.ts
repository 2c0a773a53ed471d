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
  #rules: FlappingRules | null;
  readonly #now: () => number;
  readonly #histories = new Map<string, History>();

  /** Without rules it lets everybody connect as often as they like. `now` in milliseconds. */
  constructor(rules: FlappingRules | null, now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  /** Other rules count from now on. Who is refused already stays so, unless there are no rules any more. */
  change(rules: FlappingRules | null): void {
    this.#rules = rules;
    if (rules === null) this.#histories.clear();
  }

  /** How many milliseconds a client id is still refused; 0 when it is not. */
  banned(mountpoint: string, clientId: string): number {
    if (this.#rules === null) return 0;
    const history = this.#histories.get(keyOf(mountpoint, clientId));
    return history === undefined ? 0 : Math.max(0, history.bannedUntil - this.#now());
  }

  /** A connection was accepted. True: with this one it has connected too often, and is refused from now on. */
  connected(mountpoint: string, clientId: string): boolean {
    if (this.#rules === null) return false;
    const now = this.#now();
    const { connects, windowMilliseconds, banMilliseconds } = this.#rules;
    const key = keyOf(mountpoint, clientId);
    let history = this.#histories.get(key);
    if (history === undefined || isOver(history, now, windowMilliseconds)) {
      this.#histories.delete(key);
      if (this.#histories.size >= MOST_REMEMBERED) this.#forget(now, windowMilliseconds);
      history = { since: now, connects: 0, bannedUntil: 0 };
      this.#histories.set(key, history);
    }
    history.connects++;
    if (history.connects <= connects) return false;
    history.bannedUntil = now + banMilliseconds;
    return true;
  }

  /** The oldest windows stand first in the map. */
  #forget(now: number, windowMilliseconds: number): void {
    for (const [key, history] of this.#histories) {
      if (isOver(history, now, windowMilliseconds) || this.#histories.size >= MOST_REMEMBERED)
        this.#histories.delete(key);
      else break;
    }
  }
}

/** A new window begins after the time of the old one, and after a ban. */
function isOver({ since, bannedUntil }: History, now: number, windowMilliseconds: number): boolean {
  return bannedUntil === 0 ? now - since >= windowMilliseconds : bannedUntil <= now;
}

function keyOf(mountpoint: string, clientId: string): string {
  return `${mountpoint}\0${clientId}`;
}
