/**
 * One broker for the cases of a test file. `VERNEMQ_TEST_TARGET=mosquitto` runs the files against
 * Mosquitto instead: what fails there and is not marked as ours alone is probably the test's fault.
 */
import { after, afterEach, before, beforeEach } from "node:test";
import { type Broker, type BrokerOptions, startBroker, startMosquitto } from "./broker.ts";
import { type ConnectOptions, RawClient } from "./raw-client.ts";

export const onMosquitto = process.env.VERNEMQ_TEST_TARGET === "mosquitto";

/** For the `skip` option of a case about what only our broker does, or what Mosquitto does wrongly. */
export const oursOnly: string | false = onMosquitto ? "not of Mosquitto" : false;

export interface SuiteOptions extends BrokerOptions {
  /** The nearest lines of mosquitto.conf. */
  mosquitto?: readonly string[];
  /** Mosquitto keeps its data over restarts. */
  persistence?: boolean;
}

/** Starts the broker under test. */
export async function startTarget(options: SuiteOptions = {}): Promise<Broker> {
  if (!onMosquitto) return await startBroker(options);
  return await startMosquitto({
    persistence: options.persistence === true,
    configuration: options.mosquitto ?? [],
  });
}

/** A broker started before the first case of the file (or `describe`) and ended after the last one. */
export class BrokerUnderTest {
  #broker: Broker | undefined;
  #clients: RawClient[] = [];
  #names = 0;
  #logFrom = 0;

  constructor(options: SuiteOptions = {}) {
    before(async () => {
      this.#broker = await startTarget(options);
    });
    beforeEach(() => {
      this.#logFrom = this.broker.log().length;
    });
    afterEach((context) => {
      if ("passed" in context && context.passed === false && !onMosquitto) this.#dumpLog();
      for (const client of this.#clients.splice(0)) client.destroy();
    });
    after(async () => {
      await this.#broker?.[Symbol.asyncDispose]();
    });
  }

  get broker(): Broker {
    if (this.#broker === undefined) throw new Error("the broker is not running");
    return this.#broker;
  }

  get port(): number {
    return this.broker.port;
  }

  /** A name that no other case uses, for client ids and topics. */
  name(prefix = "t"): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  /** A connected client, gone at the end of the case. Client id: a new one unless given. */
  async connect(options: ConnectOptions = {}): Promise<RawClient> {
    return this.track(await RawClient.connect(this.port, { clientId: this.name("c"), ...options }));
  }

  /** Like `connect`, but a refusal is no failure. */
  async attempt(options: ConnectOptions = {}): Promise<RawClient> {
    return this.track(await RawClient.attempt(this.port, { clientId: this.name("c"), ...options }));
  }

  /** A TCP connection without CONNECT. */
  async open(version: 3 | 4 | 5 = 4): Promise<RawClient> {
    return this.track(await RawClient.open(this.port, { version }));
  }

  /**
   * Nothing waits for a session that was just resumed: what is published now to a topic of its subscriptions is the
   * first message that comes. A PINGRESP says less, because it may come before a queue has been read from the disk.
   */
  async nothingWaits(client: RawClient, topic: string): Promise<void> {
    const publisher = await this.connect();
    await publisher.publish(topic, "sentinel", { qos: 1 });
    await client.receive({ topic, payload: "sentinel" });
  }

  track(client: RawClient): RawClient {
    this.#clients.push(client);
    return client;
  }

  /** Prints what the broker has logged during a failed case. */
  #dumpLog(): void {
    const text = this.broker.log().slice(this.#logFrom).trim().split("\n").slice(-40).join("\n");
    if (text !== "") process.stderr.write(`the broker's log during this case:\n${text}\n`);
  }
}
