/** What the router remembers about a topic between publishes; opaque to the wire layer. */
export interface TopicRoute {
  /** The version of the subscription index that the route was made from. */
  readonly version: number;
}

/**
 * A topic name, interned: one object per distinct name and mountpoint, found by its bytes on the hot path so
 * that no string is made per PUBLISH. Validated once, when it is made.
 */
export class Topic {
  /** The name as text. */
  readonly text: string;
  /** The name as it stands on the wire: UTF-8, without the length. */
  readonly bytes: Buffer;
  /** True when the name starts with `$`: clients may not publish to it, `#` and `+` at the first level miss it. */
  readonly reserved: boolean;
  /** Number of levels. */
  readonly depth: number;
  /**
   * Somebody holds it for the next time that the name comes: the topic table, or an alias. What is remembered by topic
   * is worth remembering only then.
   */
  lasting: boolean;
  /** The cached route, set by the router and valid while its version is current. */
  route: TopicRoute | null;

  constructor(text: string, bytes: Buffer, depth: number) {
    this.text = text;
    this.bytes = bytes;
    this.reserved = bytes.length > 0 && bytes[0] === 0x24;
    this.depth = depth;
    this.lasting = false;
    this.route = null;
  }
}

/** Why a topic name was refused. */
export type TopicRefusal = "empty" | "wildcard" | "encoding" | "depth" | "too-long";

/** Where the decoder gets topics from: one per mountpoint, see routing/topic-table.ts. */
export interface TopicSource {
  /**
   * The topic whose name is `buffer[start, end)`, or why it is no valid topic name. Must not keep `buffer`.
   * Hot path: a known topic costs one hash and one comparison, and nothing is allocated.
   */
  intern(buffer: Buffer, start: number, end: number): Topic | TopicRefusal;
}
