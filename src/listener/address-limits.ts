import { TokenBucket } from "./token-bucket.ts";

/** Addresses without connections that are remembered for their rate. */
const MOST_REMEMBERED = 50_000;

interface Source {
  connections: number;
  readonly bucket: TokenBucket;
}

/** How many connections one client address has, and how fast it opens them. 0 is no limit. */
export class AddressLimits {
  #most: number;
  #perSecond: number;
  readonly #now: () => number;
  readonly #sources = new Map<string, Source>();

  /** `now` in milliseconds. */
  constructor(most: number, perSecond: number, now: () => number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Without a limit nobody has to ask for addresses, which costs a system call each. */
  get active(): boolean {
    return this.#most > 0 || this.#perSecond > 0;
  }

  /** Other limits count from now on; without any, what was counted is forgotten. */
  limit(most: number, perSecond: number): void {
    this.#most = most;
    this.#perSecond = perSecond;
    if (!this.active) this.#sources.clear();
  }

  /** Counts a connection that was there before there was a limit. */
  adopt(address: string): void {
    this.#sourceOf(networkOf(address), this.#now()).connections++;
  }

  /** Lets a connection in, or says which limit is against it. What was let in has to leave. */
  enter(address: string): "connections" | "rate" | null {
    const key = networkOf(address);
    const now = this.#now();
    const source = this.#sourceOf(key, now);
    if (this.#most > 0 && source.connections >= this.#most) return "connections";
    if (this.#perSecond > 0 && !source.bucket.take(this.#perSecond, now)) return "rate";
    source.connections++;
    return null;
  }

  leave(address: string): void {
    const key = networkOf(address);
    const source = this.#sources.get(key);
    if (source === undefined) return;
    source.connections--;
    if (source.connections === 0 && this.#perSecond === 0) this.#sources.delete(key);
  }

  #sourceOf(key: string, now: number): Source {
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    if (this.#sources.size >= MOST_REMEMBERED) this.#forget(now);
    const source = { connections: 0, bucket: new TokenBucket(this.#perSecond, now) };
    this.#sources.set(key, source);
    return source;
  }

  /** Forgets whoever has no connection: first those whose rate is forgotten without a difference, then all. */
  #forget(now: number): void {
    for (const [key, { connections, bucket }] of this.#sources) {
      if (connections === 0 && bucket.full(this.#perSecond, now)) this.#sources.delete(key);
    }
    if (this.#sources.size < MOST_REMEMBERED) return;
    for (const [key, { connections }] of this.#sources) if (connections === 0) this.#sources.delete(key);
  }
}

/** An IPv4 address as it is; of an IPv6 address the first 64 bits, since one client has all addresses below them. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::", 2);
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...new Array<string>(zeros).fill("0"), ...back];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
