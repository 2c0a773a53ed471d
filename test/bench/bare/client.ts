/** One connection of the bare broker: MQTT 3.1.1 as far as the load generator speaks it. */
import type { Socket } from "node:net";
import { Output } from "./output.ts";
import type { Subscriber, Topics } from "./topics.ts";

const [CONNECT, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, PINGREQ, DISCONNECT] = [1, 3, 5, 6, 8, 12, 14];
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);
const FIRST_BYTE = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70, suback: 0x90 };

export class Client {
  readonly #socket: Socket;
  readonly #topics: Topics;
  readonly #output: Output;
  /** The beginning of a packet whose end has not been read yet. */
  #rest: Buffer | undefined;
  #subscriptions: { subscriber: Subscriber; from: Subscriber[] }[] | undefined;

  constructor(socket: Socket, topics: Topics) {
    this.#socket = socket;
    this.#topics = topics;
    this.#output = new Output(socket);
  }

  /** Takes the bytes of a read; keeps none of them. */
  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      const end = this.#packet(bytes, at);
      if (end === 0) {
        this.#rest = Buffer.from(bytes.subarray(at));
        return;
      }
      at = end;
    }
  }

  closed(): void {
    for (const { subscriber, from } of this.#subscriptions ?? []) from.splice(from.indexOf(subscriber), 1);
    this.#subscriptions = undefined;
  }

  /** Handles the packet at this place and gives its end; 0: it is not complete. */
  #packet(bytes: Buffer, start: number): number {
    let at = start + 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const digit = bytes[at++];
      if (digit === undefined) return 0;
      length |= (digit & 127) << shift;
      if (digit < 128) break;
    }
    const end = at + length;
    if (end > bytes.length) return 0;
    const first = bytes[start] ?? 0;
    const type = first >> 4;
    if (type === PUBLISH) this.#publish(bytes, start, at, end);
    else if (type === PUBREC) this.#output.acknowledge(FIRST_BYTE.pubrel, bytes.readUInt16BE(at));
    else if (type === PUBREL) this.#output.acknowledge(FIRST_BYTE.pubcomp, bytes.readUInt16BE(at));
    else if (type === CONNECT) this.#output.copy(CONNACK, 0, CONNACK.length);
    else if (type === SUBSCRIBE) this.#subscribe(bytes, at, end);
    else if (type === PINGREQ) this.#output.copy(PINGRESP, 0, PINGRESP.length);
    else if (type === DISCONNECT) this.#socket.end();
    return end;
  }

  #publish(bytes: Buffer, start: number, body: number, end: number): void {
    const qos = ((bytes[start] ?? 0) >> 1) & 3;
    const topicEnd = body + 2 + (((bytes[body] ?? 0) << 8) | (bytes[body + 1] ?? 0));
    const { subscribers } = this.#topics.find(bytes, body + 2, topicEnd);
    for (const subscriber of subscribers) {
      if (qos === 0) subscriber.output.copy(bytes, start, end);
      else if (subscriber.qos === qos) {
        // The same bytes with another packet id.
        const block = subscriber.output.room(end - start);
        const at = subscriber.output.at;
        bytes.copy(block, at, start, end);
        const id = (subscriber.lastId % 65_535) + 1;
        subscriber.lastId = id;
        block[at + topicEnd - start] = id >> 8;
        block[at + topicEnd - start + 1] = id & 255;
        subscriber.output.written(end - start);
      } else throw new Error("the bare broker delivers with the QoS of the publish only");
    }
    if (qos > 0) {
      const id = ((bytes[topicEnd] ?? 0) << 8) | (bytes[topicEnd + 1] ?? 0);
      this.#output.acknowledge(qos === 1 ? FIRST_BYTE.puback : FIRST_BYTE.pubrec, id);
    }
  }

  #subscribe(bytes: Buffer, body: number, end: number): void {
    const answer = [FIRST_BYTE.suback, 2, bytes[body] ?? 0, bytes[body + 1] ?? 0];
    for (let at = body + 2; at < end; ) {
      const filterEnd = at + 2 + bytes.readUInt16BE(at);
      const from = this.#topics.find(bytes, at + 2, filterEnd).subscribers;
      const subscriber = { output: this.#output, qos: bytes[filterEnd] ?? 0, lastId: 0 };
      from.push(subscriber);
      this.#subscriptions ??= [];
      this.#subscriptions.push({ subscriber, from });
      answer.push(subscriber.qos);
      at = filterEnd + 1;
    }
    answer[1] = answer.length - 2;
    this.#output.copy(Buffer.from(answer), 0, answer.length);
  }
}
