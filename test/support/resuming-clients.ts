/**
 * Clients that come back: a publisher and a subscriber with persistent sessions that keep their half
 * of the protocol's state over broken connections, as MQTT 5.0 section 4.4 asks of a client, and tell
 * a DeliveryChecker what happened.
 */
import { createConnection, type Socket } from "node:net";
import type { DeliveryChecker } from "./delivery-checker.ts";
import type { Random } from "./random.ts";
import { type ConnectOptions, show } from "./raw-client.ts";
import { Decoder, encode, type OutPacket, type Packet, type Publish, type Will } from "./wire.ts";

export interface ResumingOptions {
  port: number;
  clientId: string;
  version: 4 | 5;
  checker: DeliveryChecker;
  random: Random;
}

/** A client that connects whenever it is wanted online, again and again. */
abstract class ResumingClient {
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly checker: DeliveryChecker;
  readonly random: Random;
  /** A packet or an answer that no correct broker sends. */
  readonly faults: string[] = [];
  #port: number;
  #socket: Socket | undefined;
  #wanted = false;
  #retry: NodeJS.Timeout | undefined;
  #known = false;
  protected up = false;
  protected will: Will | undefined;

  constructor(options: ResumingOptions) {
    this.#port = options.port;
    this.clientId = options.clientId;
    this.version = options.version;
    this.checker = options.checker;
    this.random = options.random;
  }

  get connected(): boolean {
    return this.up;
  }

  online(): void {
    this.#wanted = true;
    if (this.#socket === undefined) this.#open();
  }

  /** Goes away, with or without a DISCONNECT. */
  offline(orderly: boolean): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined) return;
    if (orderly && this.up) {
      this.write({ cmd: "disconnect" });
      socket.end();
    } else socket.destroy();
    this.#gone(socket);
  }

  #open(): void {
    const socket = createConnection({ port: this.#port, host: "127.0.0.1" });
    const decoder = new Decoder(this.version);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("connect", () => {
      const options: ConnectOptions = {
        clientId: this.clientId,
        clean: false,
        ...(this.will === undefined ? {} : { will: this.will }),
        ...(this.version === 5 ? { properties: { sessionExpiryInterval: 86_400, receiveMaximum: 50 } } : {}),
      };
      socket.write(encode({ cmd: "connect", ...options }, this.version));
    });
    socket.on("data", (chunk: Buffer) => {
      if (this.#socket !== socket) return;
      let packets: Packet[] = [];
      try {
        packets = decoder.push(chunk);
      } catch (error) {
        this.faults.push(`${this.clientId}: bad bytes: ${error}`);
        socket.destroy();
      }
      for (const packet of packets) this.#packet(packet);
    });
    socket.on("error", () => this.#gone(socket));
    socket.on("close", () => this.#gone(socket));
  }

  #gone(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.up = false;
    this.left();
    if (this.#wanted) this.#retry = setTimeout(() => this.#open(), 10);
  }

  #packet(packet: Packet): void {
    if (packet.cmd !== "connack") {
      this.received(packet);
      return;
    }
    if (packet.code !== 0) {
      // 3 and 0x88 and the like: it is starting or ending; anything else is wrong.
      if (this.#known && ![3, 0x88, 0x89, 0x8b].includes(packet.code))
        this.faults.push(`${this.clientId}: ${show(packet)}`);
      this.#socket?.destroy();
      return;
    }
    if (this.#known) this.checker.resumed(this.clientId, packet.sessionPresent);
    this.#known = true;
    this.up = true;
    this.arrived();
  }

  protected write(...packets: OutPacket[]): void {
    this.#socket?.write(Buffer.concat(packets.map((packet) => encode(packet, this.version))));
  }

  /** CONNACK has come. */
  protected abstract arrived(): void;
  /** The connection has ended. */
  protected abstract left(): void;
  protected abstract received(packet: Packet): void;
}

interface Unfinished {
  sequence: number;
  released: boolean;
}

export interface PublisherOptions extends ResumingOptions {
  topic: string;
  qos: 1 | 2;
  retain?: boolean;
  /** Unacknowledged messages at most. */
  window: number;
}

/** The payload of a message: its number, and some bytes more. */
function payload(sequence: number, random: Random): Buffer {
  const filler = random.chance(0.02) ? random.below(20_000) : random.below(100);
  return Buffer.from(`${sequence} ${"x".repeat(filler)}`);
}

export function sequenceOf(packet: Publish): number {
  return Number.parseInt(Buffer.from(packet.payload).toString("latin1", 0, 12), 10);
}

/** Sends one stream, and again what was not acknowledged when the connection broke. */
export class ResumingPublisher extends ResumingClient {
  readonly topic: string;
  readonly #qos: 1 | 2;
  readonly #retain: boolean;
  readonly #window: number;
  #unfinished = new Map<number, Unfinished>();
  #payloads = new Map<number, Buffer>();
  #sequence = 0;
  #id = 0;

  constructor(options: PublisherOptions) {
    super(options);
    this.topic = options.topic;
    this.#qos = options.qos;
    this.#retain = options.retain === true;
    this.#window = options.window;
  }

  get unfinished(): number {
    return this.#unfinished.size;
  }

  /** Sends up to `count` new messages, as far as the window allows. */
  pump(count: number): void {
    if (!this.up) return;
    const packets: OutPacket[] = [];
    for (let i = 0; i < count && this.#unfinished.size < this.#window; i++) {
      do this.#id = (this.#id % 65_535) + 1;
      while (this.#unfinished.has(this.#id));
      const sequence = this.#sequence++;
      this.#unfinished.set(this.#id, { sequence, released: false });
      this.#payloads.set(sequence, payload(sequence, this.random));
      this.checker.sent(this.topic, sequence);
      packets.push(this.#message(this.#id, sequence, false));
    }
    if (packets.length > 0) this.write(...packets);
  }

  #message(id: number, sequence: number, dup: boolean): OutPacket {
    return {
      cmd: "publish",
      topic: this.topic,
      payload: this.#payloads.get(sequence) ?? "",
      qos: this.#qos,
      retain: this.#retain,
      dup,
      id,
    };
  }

  protected arrived(): void {
    const again = [...this.#unfinished].map(
      ([id, { sequence, released }]): OutPacket =>
        released ? { cmd: "pubrel", id } : this.#message(id, sequence, true),
    );
    if (again.length > 0) this.write(...again);
  }

  protected left(): void {}

  protected received(packet: Packet): void {
    if (packet.cmd !== "puback" && packet.cmd !== "pubrec" && packet.cmd !== "pubcomp") return;
    const entry = this.#unfinished.get(packet.id);
    if (entry === undefined) {
      if (packet.cmd !== "pubcomp")
        this.faults.push(`${this.clientId}: ${show(packet)} for nothing that is open`);
      return;
    }
    if (packet.cmd === "pubcomp") {
      if (!entry.released) this.faults.push(`${this.clientId}: PUBCOMP ${packet.id} before PUBREL`);
      this.#unfinished.delete(packet.id);
      return;
    }
    if ((packet.cmd === "puback") !== (this.#qos === 1))
      this.faults.push(`${this.clientId}: ${packet.cmd} at QoS ${this.#qos}`);
    this.#payloads.delete(entry.sequence);
    // With an error code the broker does not answer for the message.
    if (packet.code < 0x80) this.checker.acknowledged(this.topic, entry.sequence);
    if (packet.cmd === "puback" || packet.code >= 0x80) {
      this.#unfinished.delete(packet.id);
      return;
    }
    entry.released = true;
    this.write({ cmd: "pubrel", id: packet.id });
  }
}

export interface SubscriberOptions extends ResumingOptions {
  filters: readonly { filter: string; qos: number }[];
  /** Name under which deliveries count: its own, or that of its group. */
  receiver?: string;
  /** Topics of other use than streams. */
  aside?: (packet: Publish) => boolean;
}

/** Receives streams; acknowledges at once or, at times, late, so that a crash finds open deliveries. */
export class ResumingSubscriber extends ResumingClient {
  readonly #filters: SubscriberOptions["filters"];
  readonly #receiver: string;
  readonly #aside: (packet: Publish) => boolean;
  /** QoS 2 packet ids received and not released, with what they carried. */
  #open = new Map<number, string>();
  #late: OutPacket[] = [];
  #subscribed = false;
  #waiting: (() => void)[] = [];

  constructor(options: SubscriberOptions) {
    super(options);
    this.#filters = options.filters;
    this.#receiver = options.receiver ?? options.clientId;
    this.#aside = options.aside ?? (() => false);
  }

  /** Resolves when its subscriptions have been acknowledged. */
  async subscribed(): Promise<void> {
    if (!this.#subscribed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  protected arrived(): void {
    if (!this.#subscribed) this.write({ cmd: "subscribe", id: 1, filters: [...this.#filters] });
  }

  protected left(): void {
    this.#late = [];
  }

  /** Sends the acknowledgements that were held back. */
  flush(): void {
    const late = this.#late;
    this.#late = [];
    if (late.length > 0 && this.up) this.write(...late);
  }

  #answer(packet: OutPacket): void {
    if (this.#late.length > 0 || this.random.chance(0.05)) {
      this.#late.push(packet);
      if (this.#late.length > 15) this.flush();
    } else this.write(packet);
  }

  protected received(packet: Packet): void {
    if (packet.cmd === "suback") {
      if (packet.codes.some((code) => code > 2)) this.faults.push(`${this.clientId}: ${show(packet)}`);
      this.#subscribed = true;
      for (const resolve of this.#waiting.splice(0)) resolve();
    } else if (packet.cmd === "pubrel") {
      this.#open.delete(packet.id);
      this.#answer({ cmd: "pubcomp", id: packet.id });
    } else if (packet.cmd === "publish") this.#publish(packet);
  }

  #publish(packet: Publish): void {
    if (packet.qos === 2) {
      const what = `${packet.topic} ${sequenceOf(packet)}`;
      const before = this.#open.get(packet.id);
      if (before !== undefined && before !== what) {
        this.faults.push(`${this.clientId}: packet id ${packet.id} for ${what} while ${before} has it`);
      }
      this.#open.set(packet.id, what);
      this.#answer({ cmd: "pubrec", id: packet.id });
      if (before !== undefined) return;
    }
    if (packet.qos === 1) this.#answer({ cmd: "puback", id: packet.id });
    if (!this.#aside(packet)) this.checker.delivered(this.#receiver, packet.topic, sequenceOf(packet));
  }
}

/** Holds a will: connects with it, and is then lost or comes back. */
export class WillHolder extends ResumingClient {
  setWill(will: Will): void {
    this.will = will;
  }

  protected arrived(): void {}
  protected left(): void {}
  protected received(): void {}
}
