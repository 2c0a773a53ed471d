/**
 * Holds what publishers sent and what subscribers received against the broker's promises. A *stream* is
 * what one publisher sends to one topic: messages numbered from 0. A *receiver* is a session, or a
 * shared group of sessions that counts as one.
 */

export interface Violation {
  kind: "lost" | "duplicate" | "disorder" | "unsent" | "stale retained" | "session lost" | "will";
  text: string;
}

interface Stream {
  sent: number;
  /** 1: acknowledged, by sequence number. */
  acknowledged: Flags;
  retained: boolean;
  lastAcknowledged: number;
}

interface Binding {
  receiver: string;
  stream: string;
  /** QoS of the deliveries: 2 forbids duplicates. */
  qos: number;
  ordered: boolean;
  deliveries: Flags;
  last: number;
}

class Flags {
  #bytes = new Uint8Array(1024);

  get(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  /** Adds one and returns the new count; counts no further than 255. */
  increment(index: number): number {
    if (index >= this.#bytes.length) {
      const wider = new Uint8Array(Math.max(index + 1, this.#bytes.length * 2));
      wider.set(this.#bytes);
      this.#bytes = wider;
    }
    const count = Math.min(255, this.get(index) + 1);
    this.#bytes[index] = count;
    return count;
  }
}

export class DeliveryChecker {
  readonly violations: Violation[] = [];
  /** Counts for the report. */
  readonly counts = { sent: 0, acknowledged: 0, delivered: 0, duplicates: 0 };
  #streams = new Map<string, Stream>();
  #bindings = new Map<string, Binding>();

  #violation(kind: Violation["kind"], text: string): void {
    if (this.violations.length < 1000) this.violations.push({ kind, text });
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { sent: 0, acknowledged: new Flags(), retained: false, lastAcknowledged: -1 };
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /** From now on the receiver has to get every message of the stream. Groups are not `ordered`. */
  expect(receiver: string, stream: string, qos: number, ordered = true): void {
    const binding = { receiver, stream, qos, ordered, deliveries: new Flags(), last: -1 };
    this.#bindings.set(`${receiver}\n${stream}`, binding);
  }

  /** A publisher has written the message for the first time. */
  sent(stream: string, sequence: number): void {
    const entry = this.#stream(stream);
    entry.sent = Math.max(entry.sent, sequence + 1);
    this.counts.sent += 1;
  }

  /** The publisher has read the broker's PUBACK or PUBREC: from now on the broker answers for it. */
  acknowledged(stream: string, sequence: number): void {
    const entry = this.#stream(stream);
    if (entry.acknowledged.increment(sequence) === 1) this.counts.acknowledged += 1;
    entry.lastAcknowledged = Math.max(entry.lastAcknowledged, sequence);
  }

  /** The message was handed to the application: at QoS 2 once per exchange, whatever was sent again. */
  delivered(receiver: string, stream: string, sequence: number): void {
    this.counts.delivered += 1;
    const binding = this.#bindings.get(`${receiver}\n${stream}`);
    if (binding === undefined) {
      this.#violation("unsent", `${receiver} got ${stream} ${sequence}, to which it has not subscribed`);
      return;
    }
    if (sequence >= this.#stream(stream).sent || sequence < 0) {
      this.#violation("unsent", `${receiver} got ${stream} ${sequence}, which nobody has sent`);
      return;
    }
    if (binding.deliveries.increment(sequence) > 1) {
      this.counts.duplicates += 1;
      if (binding.qos === 2)
        this.#violation("duplicate", `${receiver} got ${stream} ${sequence} twice at QoS 2`);
      return;
    }
    if (binding.ordered && sequence < binding.last) {
      this.#violation(
        "disorder",
        `${receiver} got ${stream} ${sequence} for the first time after ${binding.last}`,
      );
    }
    binding.last = Math.max(binding.last, sequence);
  }

  /** The highest sequence number acknowledged so far, -1 for none. */
  lastAcknowledged(stream: string): number {
    return this.#stream(stream).lastAcknowledged;
  }

  /**
   * What a fresh subscriber reads of a stream of retained messages, `undefined` for nothing; `acknowledged` is what
   * `lastAcknowledged` was before it subscribed, since publishers go on while it reads.
   */
  retained(stream: string, sequence: number | undefined, acknowledged: number): void {
    const { sent } = this.#stream(stream);
    if (sequence === undefined) {
      if (acknowledged >= 0)
        this.#violation("stale retained", `${stream}: nothing, ${acknowledged} was acknowledged`);
    } else if (sequence < acknowledged) {
      this.#violation("stale retained", `${stream}: ${sequence}, ${acknowledged} was acknowledged`);
    } else if (sequence >= sent) this.#violation("unsent", `${stream}: retained ${sequence} was never sent`);
  }

  /** A persistent session was resumed, or the broker said that there was none. */
  resumed(client: string, sessionPresent: boolean): void {
    if (!sessionPresent) this.#violation("session lost", `${client} was told that it has no session`);
  }

  /** A will came `times` times where it must come `wanted` times. */
  will(name: string, times: number, wanted: number): void {
    if (times !== wanted) this.#violation("will", `${name} came ${times} times, not ${wanted}`);
  }

  /** Acknowledged messages that have not arrived yet, neighbours in one line; no more lines than `limit`. */
  missing(limit = 20): string[] {
    const out: string[] = [];
    for (const { receiver, stream, deliveries } of this.#bindings.values()) {
      const { sent, acknowledged } = this.#stream(stream);
      for (let i = 0; i < sent && out.length < limit; i++) {
        const from = i;
        while (i < sent && acknowledged.get(i) > 0 && deliveries.get(i) === 0) i++;
        if (i === from) continue;
        const which = i - from === 1 ? `${from}` : `${from} to ${i - 1}`;
        out.push(`${receiver} did not get ${stream} ${which}, which was acknowledged`);
      }
    }
    return out;
  }

  /** Nothing more will come: what is missing is lost. */
  finish(): Violation[] {
    for (const text of this.missing()) this.#violation("lost", text);
    return this.violations;
  }
}
