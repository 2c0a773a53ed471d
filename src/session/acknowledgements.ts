import type { AcknowledgementType } from "../mqtt/packet.ts";

/** Writes an acknowledgement to the client. */
export interface AcknowledgementSink {
  writeAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void;
}

const TYPES: readonly AcknowledgementType[] = [4, 5, 6, 7];

const SMALLEST = 16;

/**
 * The acknowledgements that a session owes its publisher, in the order of the publishes. One that waits for something
 * (a commit, a receiver) holds back those behind it, so that they leave in order. Hot path: no object per entry.
 */
export class Acknowledgements {
  readonly #sink: AcknowledgementSink;
  #types: Int32Array = new Int32Array(0);
  #packetIds: Int32Array = new Int32Array(0);
  #pending: Int32Array = new Int32Array(0);
  #mask = -1;
  #first = 0;
  #next = 0;

  constructor(sink: AcknowledgementSink) {
    this.#sink = sink;
  }

  /** How many wait. */
  get length(): number {
    return this.#next - this.#first;
  }

  /** The ticket that the next `push` will get. */
  get nextTicket(): number {
    return this.#next;
  }

  /** Adds one that waits for `pending` settlements; one that waits for none leaves as soon as those before it have. */
  push(type: AcknowledgementType, packetId: number, reasonCode: number, pending: number): void {
    if (pending === 0 && this.#next === this.#first) {
      this.#next++;
      this.#first++;
      this.#sink.writeAcknowledgement(type, packetId, reasonCode);
      return;
    }
    if (this.#next - this.#first > this.#mask) this.#grow();
    const slot = this.#next & this.#mask;
    this.#types[slot] = (type - 4) | (reasonCode << 8);
    this.#packetIds[slot] = packetId;
    this.#pending[slot] = pending;
    this.#next++;
  }

  /** One settlement of `ticket` has come. Tickets that are not open any more are ignored. */
  settled(ticket: number): void {
    if (ticket < this.#first || ticket >= this.#next) return;
    const slot = ticket & this.#mask;
    this.#pending[slot] = (this.#pending[slot] ?? 1) - 1;
    if (ticket === this.#first) this.#flush();
  }

  /** The connection has gone: nothing is owed any more. */
  clear(): void {
    this.#first = this.#next;
  }

  #flush(): void {
    while (this.#first < this.#next) {
      const slot = this.#first & this.#mask;
      if ((this.#pending[slot] ?? 0) > 0) return;
      this.#first++;
      const type = this.#types[slot] ?? 0;
      this.#sink.writeAcknowledgement(TYPES[type & 3] ?? 4, this.#packetIds[slot] ?? 0, type >> 8);
    }
  }

  #grow(): void {
    const capacity = Math.max(SMALLEST, (this.#mask + 1) * 2);
    const types = new Int32Array(capacity);
    const packetIds = new Int32Array(capacity);
    const pending = new Int32Array(capacity);
    for (let ticket = this.#first; ticket < this.#next; ticket++) {
      const from = ticket & this.#mask;
      const to = ticket & (capacity - 1);
      types[to] = this.#types[from] ?? 0;
      packetIds[to] = this.#packetIds[from] ?? 0;
      pending[to] = this.#pending[from] ?? 0;
    }
    this.#types = types;
    this.#packetIds = packetIds;
    this.#pending = pending;
    this.#mask = capacity - 1;
  }
}
