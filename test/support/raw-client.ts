/**
 * An MQTT client for the black-box tests that shows every packet, answers nothing by itself and may
 * break every rule.
 */
import { AssertionError } from "node:assert";
import type { Duplex } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { openTransport } from "./transport.ts";
import {
  type Ack,
  type Command,
  type Connack,
  type Connect,
  Decoder,
  encode,
  type OutPacket,
  type Packet,
  type PacketMap,
  type Properties,
  type Publish,
  type QoS,
  type Subscription,
  type Version,
} from "./wire.ts";

/** What a packet must look like: each given field equal, nested objects likewise, other fields are free. */
export type Match<T> = { [K in keyof T]?: T[K] extends object ? unknown : T[K] };

export interface ConnectOptions extends Omit<Connect, "cmd"> {
  /** 4 (MQTT 3.1.1) unless told otherwise. */
  version?: Version;
  host?: string;
  /** Milliseconds for every expectation; 5,000 unless told otherwise. */
  deadlineMs?: number;
}

export interface PublishOptions {
  qos?: QoS;
  retain?: boolean;
  dup?: boolean;
  id?: number;
  properties?: Properties;
}

function fits(actual: unknown, wanted: unknown): boolean {
  if (actual instanceof Uint8Array) {
    const bytes = typeof wanted === "string" ? Buffer.from(wanted) : wanted;
    return bytes instanceof Uint8Array && Buffer.compare(actual, bytes) === 0;
  }
  if (Array.isArray(wanted) || typeof wanted !== "object" || wanted === null) {
    return isDeepStrictEqual(actual, wanted);
  }
  if (typeof actual !== "object" || actual === null) return false;
  const fields = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(wanted).every(([key, value]) => fits(fields.get(key), value));
}

/** A packet in one line, for messages. */
export function show(packet: unknown): string {
  return JSON.stringify(packet, (_key, value: unknown) => {
    if (typeof value === "object" && value !== null && "type" in value && "data" in value) {
      return Array.isArray(value.data) ? Buffer.from(value.data).toString("latin1") : value;
    }
    return value;
  });
}

export class RawClient {
  readonly version: Version;
  /** Its bytes are MQTT, whatever carries them. */
  readonly socket: Duplex;
  readonly deadlineMs: number;
  /** Bytes received so far. */
  received = 0;
  connack: Connack | undefined;
  #packets: Packet[] = [];
  #decoder: Decoder;
  #closed = false;
  #failure: Error | undefined;
  #wake: (() => void)[] = [];
  #nextId = 0;

  private constructor(socket: Duplex, version: Version, deadlineMs: number) {
    this.socket = socket;
    this.version = version;
    this.deadlineMs = deadlineMs;
    this.#decoder = new Decoder(version);
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("error", () => this.#close());
    socket.on("end", () => this.#close());
    socket.on("close", () => this.#close());
  }

  /** Opens the connection only, over the transport of the test process. */
  static async open(
    port: number,
    options: { version?: Version; host?: string; deadlineMs?: number } = {},
  ): Promise<RawClient> {
    const stream = await openTransport(port, options.host ?? "127.0.0.1");
    return RawClient.over(stream, options);
  }

  /** Speaks over an open connection. */
  static over(stream: Duplex, options: { version?: Version; deadlineMs?: number } = {}): RawClient {
    return new RawClient(stream, options.version ?? 4, options.deadlineMs ?? 5_000);
  }

  /** Connects and waits for a CONNACK of whatever code (see `connack`). */
  static async attempt(port: number, options: ConnectOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(port, options);
    client.sendConnect(options);
    client.connack = await client.expect("connack");
    return client;
  }

  /** Connects; anything but a CONNACK with code 0 is a failure. */
  static async connect(port: number, options: ConnectOptions = {}): Promise<RawClient> {
    const client = await RawClient.attempt(port, options);
    if (client.connack?.code !== 0) client.#fail(`refused: ${show(client.connack)}`);
    return client;
  }

  sendConnect(options: ConnectOptions = {}): void {
    const { version: _version, host: _host, deadlineMs: _deadline, ...fields } = options;
    this.send({ cmd: "connect", ...fields });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Packets received and not yet expected. */
  get pending(): readonly Packet[] {
    return this.#packets;
  }

  /** The next packet identifier of this client. */
  nextId(): number {
    this.#nextId = this.#nextId === 65_535 ? 1 : this.#nextId + 1;
    return this.#nextId;
  }

  /** Sends packets or plain bytes, all in one write. */
  send(...items: (OutPacket | Uint8Array)[]): void {
    const bytes = items.map((item) => (item instanceof Uint8Array ? item : encode(item, this.version)));
    if (!this.#closed) this.socket.write(Buffer.concat(bytes));
  }

  #data(chunk: Buffer): void {
    this.received += chunk.length;
    try {
      this.#packets.push(...this.#decoder.push(chunk));
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#ring();
  }

  #close(): void {
    this.#closed = true;
    this.#ring();
  }

  #ring(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #fail(message: string): never {
    throw new AssertionError({ message });
  }

  /** Waits until `ready` gives something; `what` names it in the message of a failure. */
  async #until<T>(what: string, ready: () => T | undefined, deadlineMs = this.deadlineMs): Promise<T> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const value = ready();
      if (value !== undefined) return value;
      if (this.#failure !== undefined) this.#fail(`bad bytes from the broker: ${this.#failure.message}`);
      if (this.#closed) this.#fail(`connection closed while waiting for ${what}${this.#pendingText()}`);
      const left = end - performance.now();
      if (left <= 0) this.#fail(`no ${what} within ${deadlineMs} ms${this.#pendingText()}`);
      await this.#change(left);
    }
  }

  /** Resolves when something has come or the connection has ended, at the latest after `ms`. */
  async #change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #pendingText(): string {
    return this.#packets.length === 0 ? "" : `; received: ${this.#packets.slice(0, 5).map(show).join(" ")}`;
  }

  /** The next packet, whatever it is; undefined when the connection ends instead. */
  async next(deadlineMs = this.deadlineMs): Promise<Packet | undefined> {
    return await this.#until<{ packet: Packet | undefined }>(
      "packet or end",
      () => {
        const packet = this.#packets.shift();
        if (packet !== undefined) return { packet };
        return this.#closed ? { packet: undefined } : undefined;
      },
      deadlineMs,
    ).then((found) => found.packet);
  }

  /** The next packet, which must be of this type and look like this. */
  async expect<C extends Command>(
    cmd: C,
    match: Match<PacketMap[C]> & { payload?: string | Uint8Array } = {},
  ): Promise<PacketMap[C]> {
    const packet = await this.#until(`${cmd} ${show(match)}`, () => this.#packets.shift());
    if (!isCommand(packet, cmd) || !fits(packet, match)) {
      this.#fail(`expected ${cmd} ${show(match)}, got ${show(packet)}${this.#pendingText()}`);
    }
    return packet;
  }

  /** The first packet of this type and look, leaving others before it where they are. */
  async take<C extends Command>(cmd: C, match: Match<PacketMap[C]> = {}): Promise<PacketMap[C]> {
    return await this.#until(`${cmd} ${show(match)}`, () => {
      for (const [i, packet] of this.#packets.entries()) {
        if (isCommand(packet, cmd) && fits(packet, match)) {
          this.#packets.splice(i, 1);
          return packet;
        }
      }
      return undefined;
    });
  }

  /** The end of the connection, without any packet before it. */
  async expectClosed(deadlineMs = this.deadlineMs): Promise<void> {
    await this.#until(
      "end of the connection",
      () => {
        const packet = this.#packets[0];
        if (packet !== undefined) this.#fail(`expected the end, got ${show(packet)}`);
        return this.#closed ? true : undefined;
      },
      deadlineMs,
    );
  }

  /** The end of the connection, whatever was received before it. */
  async ended(deadlineMs = this.deadlineMs): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (!this.#closed) {
      const left = end - performance.now();
      if (left <= 0) this.#fail(`no end of the connection within ${deadlineMs} ms`);
      await this.#change(left);
    }
  }

  /** MQTT 5: DISCONNECT with this code and then the end. Before: the end alone. */
  async expectDisconnect(code: number, deadlineMs = this.deadlineMs): Promise<void> {
    if (this.version === 5) {
      const packet = await this.#until("disconnect", () => this.#packets.shift(), deadlineMs);
      if (!isCommand(packet, "disconnect") || packet.code !== code) {
        this.#fail(`expected DISCONNECT 0x${code.toString(16)}, got ${show(packet)}`);
      }
    }
    await this.expectClosed(deadlineMs);
  }

  /** A PINGREQ is answered by PINGRESP and nothing else was sent before it. */
  async expectNothing(): Promise<void> {
    this.send({ cmd: "pingreq" });
    await this.expect("pingresp");
  }

  /** Subscribes and returns the codes of the SUBACK. */
  async subscribe(
    filters: string | Subscription | (string | Subscription)[],
    qos: QoS = 0,
    properties?: Properties,
  ): Promise<number[]> {
    const list = Array.isArray(filters) ? filters : [filters];
    const id = this.nextId();
    this.send({
      cmd: "subscribe",
      id,
      filters: list.map((one) => (typeof one === "string" ? { filter: one, qos } : one)),
      ...(properties === undefined ? {} : { properties }),
    });
    return (await this.take("suback", { id })).codes;
  }

  async unsubscribe(...filters: string[]): Promise<number[]> {
    const id = this.nextId();
    this.send({ cmd: "unsubscribe", id, filters });
    return (await this.take("unsuback", { id })).codes;
  }

  /**
   * Publishes and completes the handshake; at QoS 0 a PINGREQ and its answer say that the broker has
   * read it. Returns the PUBACK or PUBREC.
   */
  async publish(
    topic: string,
    payload: string | Uint8Array = "",
    options: PublishOptions = {},
  ): Promise<Ack<"puback"> | Ack<"pubrec"> | undefined> {
    const qos = options.qos ?? 0;
    const id = options.id ?? this.nextId();
    this.send({ cmd: "publish", topic, payload, ...options, id });
    if (qos === 0) {
      this.send({ cmd: "pingreq" });
      await this.take("pingresp");
      return undefined;
    }
    if (qos === 1) return await this.take("puback", { id });
    const answer = await this.take("pubrec", { id });
    if (answer.code < 0x80) {
      this.send({ cmd: "pubrel", id });
      await this.take("pubcomp", { id });
    }
    return answer;
  }

  /** Expects a PUBLISH and completes its handshake. */
  async receive(match: Match<Publish> & { payload?: string | Uint8Array } = {}): Promise<Publish> {
    const packet = await this.expect("publish", match);
    await this.acknowledge(packet);
    return packet;
  }

  /** Exactly these payloads in this order, acknowledged, and then nothing before the answer to a PINGREQ. */
  async receiveExactly(payloads: readonly string[]): Promise<void> {
    for (const payload of payloads) await this.receive({ payload });
    await this.expectNothing();
  }

  async acknowledge(packet: Publish): Promise<void> {
    if (packet.qos === 1) this.send({ cmd: "puback", id: packet.id });
    if (packet.qos === 2) {
      this.send({ cmd: "pubrec", id: packet.id });
      await this.take("pubrel", { id: packet.id });
      this.send({ cmd: "pubcomp", id: packet.id });
    }
  }

  /** Orderly end: DISCONNECT, then waits until the broker has closed. */
  async disconnect(code = 0, properties?: Properties): Promise<void> {
    this.send({ cmd: "disconnect", code, ...(properties === undefined ? {} : { properties }) });
    this.socket.end();
    await this.#until("end of the connection", () => (this.#closed ? true : undefined));
    this.socket.destroy();
  }

  /** Ends the connection without DISCONNECT. */
  destroy(): void {
    this.socket.destroy();
    this.#close();
  }
}

function isCommand<C extends Command>(packet: Packet, cmd: C): packet is PacketMap[C] & Packet {
  return packet.cmd === cmd;
}
