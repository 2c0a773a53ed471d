import type { Publication } from "../mqtt/publication.ts";
import type { Destination, SubscriptionOptions } from "./destination.ts";
import { type EdgeEnd, sameText } from "./edge-table.ts";

const SLASH = 0x2f;
/** From this number of members on, positions are kept in a Map: many thousands may join and leave one filter. */
const MAP_FROM = 16;

/** Two or more members, in no particular order. */
class MemberList {
  destinations: Destination[];
  options: SubscriptionOptions[];
  positions: Map<Destination, number> | null;
  /** The publish during which the arrays were last copied, see `own`. */
  copiedIn: number;

  constructor(destinations: Destination[], options: SubscriptionOptions[]) {
    this.destinations = destinations;
    this.options = options;
    this.positions = null;
    this.copiedIn = 0;
  }

  find(destination: Destination): number {
    if (this.positions !== null) return this.positions.get(destination) ?? -1;
    return this.destinations.indexOf(destination);
  }

  /**
   * While publish number `publishing` (0: none) is being delivered, the arrays may be read: changes go into copies
   * then, made once per publish.
   */
  own(publishing: number): void {
    if (publishing === 0 || this.copiedIn === publishing) return;
    this.copiedIn = publishing;
    this.destinations = this.destinations.slice();
    this.options = this.options.slice();
  }

  add(destination: Destination, options: SubscriptionOptions): void {
    this.destinations.push(destination);
    this.options.push(options);
    if (this.positions !== null) {
      this.positions.set(destination, this.destinations.length - 1);
    } else if (this.destinations.length >= MAP_FROM) {
      this.positions = new Map(this.destinations.map((each, position) => [each, position]));
    }
  }

  /** Removes the member at `position`; the last one takes its place. */
  removeAt(position: number): void {
    const removed = this.destinations[position];
    const last = this.destinations.pop();
    const lastOptions = this.options.pop();
    if (last === undefined || lastOptions === undefined || removed === undefined) return;
    if (last !== removed) {
      this.destinations[position] = last;
      this.options[position] = lastOptions;
      this.positions?.set(last, position);
    }
    if (this.positions !== null) {
      this.positions.delete(removed);
      if (this.destinations.length < MAP_FROM / 2) this.positions = null;
    }
  }
}

/**
 * All subscriptions with one filter. Routes refer to these objects, so that members come and go without any
 * route being made anew. The first member stands in the object itself: most filters have one.
 */
export class Subscribers implements EdgeEnd {
  readonly filter: string;
  /**
   * Used by the trie: where in `filter` the levels begin that the path to this object does not cover;
   * `filter.length + 1` when it covers all. 0 for a filter without wildcards, which stands in no trie.
   */
  tail: number;
  private destination: Destination | null;
  private options: SubscriptionOptions | null;
  private many: MemberList | null;

  constructor(filter: string, tail: number) {
    this.filter = filter;
    this.tail = tail;
    this.destination = null;
    this.options = null;
    this.many = null;
  }

  /** Whether the last level before `tail` is `text[start, end)`; of a filter without wildcards, all of it. */
  isNamed(text: string, start: number, end: number): boolean {
    if (this.tail === 0) {
      return this.filter.length === end - start && sameText(this.filter, 0, text, start, end);
    }
    const at = this.tail - 1 - (end - start);
    return (
      (at === 0 || this.filter.charCodeAt(at - 1) === SLASH) && sameText(this.filter, at, text, start, end)
    );
  }

  /** Number of members. */
  get count(): number {
    if (this.many !== null) return this.many.destinations.length;
    return this.destination === null ? 0 : 1;
  }

  /** Adds a member or replaces its options; true when it is new. `publishing`: see `MemberList.own`. */
  add(destination: Destination, options: SubscriptionOptions, publishing: number): boolean {
    if (this.many !== null) {
      this.many.own(publishing);
      const position = this.many.find(destination);
      if (position < 0) this.many.add(destination, options);
      else this.many.options[position] = options;
      return position < 0;
    }
    if (this.destination === null || this.options === null) {
      this.destination = destination;
      this.options = options;
      return true;
    }
    if (this.destination === destination) {
      this.options = options;
      return false;
    }
    this.many = new MemberList([this.destination, destination], [this.options, options]);
    this.destination = null;
    this.options = null;
    return true;
  }

  /** Removes a member; false when it was none. */
  remove(destination: Destination, publishing: number): boolean {
    const many = this.many;
    if (many === null) {
      if (this.destination !== destination) return false;
      this.destination = null;
      this.options = null;
      return true;
    }
    const position = many.find(destination);
    if (position < 0) return false;
    many.own(publishing);
    many.removeAt(position);
    if (many.destinations.length === 1) {
      this.destination = many.destinations[0] ?? null;
      this.options = many.options[0] ?? null;
      this.many = null;
    }
    return true;
  }

  /** Hands a publish to every member that it had when the call began; the number of them. Hot path. */
  deliver(publication: Publication): number {
    const many = this.many;
    if (many === null) {
      if (this.destination === null || this.options === null) return 0;
      this.destination.deliver(publication, this.options);
      return 1;
    }
    const { destinations, options } = many;
    const count = destinations.length;
    for (let i = 0; i < count; i++) {
      const destination = destinations[i];
      const each = options[i];
      if (destination !== undefined && each !== undefined) destination.deliver(publication, each);
    }
    return count;
  }
}
