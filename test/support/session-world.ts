import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { Configuration } from "../../src/config/configuration.ts";
import { silentLogger } from "../../src/log/logger.ts";
import { loadStored } from "../../src/node/loader.ts";
import { assembleNode } from "../../src/node/node-test-support.ts";
import { sessionSettings } from "../../src/node/session-settings.ts";
import type { HookAnswer } from "../../src/plugin/answer.ts";
import type { Plugin } from "../../src/plugin/plugin.ts";
import { MemoryDatabase } from "../../src/store/memory-database-test-support.ts";
import { quickTimers } from "./quick-timers.ts";
import { RETAINED, SessionExpectations } from "./session-expectations.ts";
import {
  type Client,
  isOver,
  kept,
  Link,
  NEVER,
  type Qos,
  type Sent,
  type State,
  unique,
  type Version,
} from "./session-states.ts";
import { encode, type OutPacket, type Packet, type Publish } from "./wire.ts";

const OK: HookAnswer<never> = { kind: "ok" };
const ALLOW: Plugin = {
  name: "allow",
  hooks: {
    auth_on_publish: () => OK,
    auth_on_publish_m5: () => OK,
    auth_on_subscribe: () => OK,
    auth_on_subscribe_m5: () => OK,
  },
};

type Node = Awaited<ReturnType<typeof assembleNode>>;

/** A broker whose commits are carried out when a test wants it, and clients that hold it to its promises. */
export class SessionWorld extends SessionExpectations {
  readonly configuration: Configuration;
  database = new MemoryDatabase();
  #node: Node | null = null;
  #sessions = 0;
  #release: (() => void) | null = null;

  private constructor(configuration: Configuration) {
    super();
    this.configuration = configuration;
  }

  static async make(configuration: Configuration): Promise<SessionWorld> {
    const world = new SessionWorld(configuration);
    await world.#assemble(world.database);
    return world;
  }

  get node(): Node {
    assert.ok(this.#node !== null);
    return this.#node;
  }

  async #assemble(database: MemoryDatabase): Promise<void> {
    const { clock } = this;
    this.database = database;
    this.#node = await assembleNode(this.configuration, [ALLOW], {
      clock,
      store: { database, timers: quickTimers(), thinningBytes: 1 },
    });
  }

  async settle(): Promise<void> {
    this.release();
    this.database.failure = null;
    for (let i = 0; i < 3; i++) {
      await this.node.committed();
      await this.turns(6);
    }
    for (const client of this.clients) {
      client.disk = client.possible.map(kept);
      if (client.will !== null) client.will.sure = true;
    }
    for (const sent of this.published) sent.acknowledged = true;
    this.published = [];
    this.dropped = [];
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await turn();
      this.receive();
    }
  }

  hold(): void {
    if (this.#release !== null) return;
    this.database.gate = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.database.gate = null;
    this.#release?.();
    this.#release = null;
  }

  async start(database: MemoryDatabase): Promise<void> {
    await this.#assemble(database);
    const { store, mountpoints, registry, configuration, clock } = this.node.parts;
    const { queueLimits } = sessionSettings(configuration).value;
    await loadStored(store, mountpoints, registry, queueLimits, clock, silentLogger);
    this.node.wheel.turn();
    for (const client of this.clients) {
      const found = unique(client.disk);
      const numbers = new Set(found.map((state) => state?.session));
      if (numbers.size > 1) this.nothingMust(client);
      client.possible = found.map((state) =>
        state === null || state.end !== null ? state : { ...state, end: this.now },
      );
      client.disk = unique([...client.disk, ...client.possible]);
      if (client.will !== null && client.possible.some((state) => isOver(state, this.now))) {
        // It goes out with the next turn of the wheel.
        client.will.sent.free = true;
        client.will = null;
      }
      this.expire(client);
    }
    this.judgeGroups();
  }

  async crash(): Promise<void> {
    this.unsure = true;
    const database = this.database.copy();
    for (const client of this.clients) client.link = null;
    this.release();
    this.database.failure = null;
    this.willsAfterCrash();
    await this.start(database);
  }

  async restart(): Promise<void> {
    await this.settle();
    for (const client of this.clients) {
      if (client.link !== null) this.drop(client);
    }
    await this.settle();
    await this.node.parts.store.close();
    await this.start(this.database.reopen());
  }

  async advance(seconds: number): Promise<void> {
    await this.settle();
    this.clock.advance(seconds * 1_000);
    this.node.wheel.turn();
    const before = this.clients.map(({ possible }) => possible);
    this.willsDue(before);
    for (const client of this.clients) this.expire(client);
    this.sessionsEnded(before);
    await this.settle();
  }

  connect(
    client: Client,
    options: {
      version: Version;
      clean: boolean;
      expiry: number;
      window: number;
      will: { readonly qos: Qos; readonly delay: number } | null;
    },
  ): void {
    const { version, clean, window } = options;
    // The old connection does not exist for the client any more; the broker finds out by this one.
    const old = client.link;
    client.link = null;
    const { session, transport } = this.node.open();
    const number = ++this.#sessions;
    const link = new Link(
      transport,
      () => session.onClose(null),
      version,
      version === 5 ? window : 3,
      number,
    );
    client.link = link;
    client.version = version;
    const expiry = version === 5 ? options.expiry : clean ? 0 : NEVER;
    const before = this.clients.map(({ possible }) => possible);
    const goesOn = (state: State | null): state is State =>
      state !== null && !clean && state.stored && !(state.end === null && state.expiry === 0);
    if (client.will !== null) {
      const { due, delay, sent } = client.will;
      const on = client.possible.map(goesOn);
      if (on.every((each) => !each) || (due === null ? delay === 0 : due <= this.now))
        this.publishWill(client);
      else if (on.some((each) => !each)) sent.free = true;
      else this.dropped.push(sent);
      client.will = null;
    }
    client.possible = client.possible.map((state): State => {
      if (!goesOn(state)) {
        return {
          session: number,
          stored: expiry > 0,
          legacy: version !== 5,
          expiry,
          end: null,
          filters: new Map(),
        };
      }
      return { ...state, legacy: version !== 5, expiry, end: null };
    });
    client.disk = unique([...client.disk, ...client.possible.map(kept)]);
    this.sessionsEnded(before);
    const { will } = options;
    if (will !== null) {
      const sent = this.message("d/a", will.qos, `will of ${client.id}`, false, 0);
      client.will = { sent, delay: version === 5 ? will.delay : 0, due: null, sure: false };
    }
    transport.feed(
      encode(
        {
          cmd: "connect",
          clientId: client.id,
          clean,
          ...(will === null || client.will === null
            ? {}
            : {
                will: {
                  topic: "d/a",
                  payload: client.will.sent.payload,
                  qos: will.qos,
                  properties: { willDelayInterval: will.delay },
                },
              }),
          ...(version === 5
            ? { properties: { sessionExpiryInterval: options.expiry, receiveMaximum: window } }
            : {}),
        },
        version,
      ),
    );
    if (old !== null) assert.ok(old.transport.ended, "the older connection was ended");
  }

  drop(client: Client): void {
    const { link } = client;
    if (link === null) return;
    client.link = null;
    // Before CONNACK the broker takes notice of it when the session is stored, whenever that is.
    if (!link.up && client.will !== null) client.will.sent.free = true;
    this.ended(client, null, true);
    link.close();
  }

  disconnect(client: Client, expiry: number | null): void {
    const { link } = client;
    if (link === null || !link.up || link.transport.paused) return;
    client.link = null;
    const change =
      client.version === 5 && expiry !== null && client.possible.every((state) => state?.expiry !== 0);
    this.ended(client, change ? expiry : null, false);
    const properties = change ? { properties: { sessionExpiryInterval: expiry } } : {};
    link.transport.feed(encode({ cmd: "disconnect", ...properties }, client.version));
    link.close();
  }

  change(client: Client, filter: string, qos: Qos | null): void {
    const { link } = client;
    if (link === null || !link.up || link.transport.paused) return;
    const id = this.#id(client);
    link.changes.add(id);
    client.possible = client.possible.map((state) => {
      if (state === null) return null;
      const filters = new Map(state.filters);
      if (qos === null) filters.delete(filter);
      else filters.set(filter, qos);
      return { ...state, filters };
    });
    client.disk = unique([...client.disk, ...client.possible.map(kept)]);
    this.judgeGroups();
    const packet: OutPacket =
      qos === null
        ? { cmd: "unsubscribe", id, filters: [filter] }
        : { cmd: "subscribe", id, filters: [{ filter, qos }] };
    link.transport.feed(encode(packet, client.version));
  }

  #id(client: Client): number {
    // The lowest that is free: so that ids are used again soon.
    for (let id = 1; ; id++) {
      if (!client.unfinished.has(id) && client.link?.changes.has(id) !== true) return id;
    }
  }

  publish(client: Client, topic: string, qos: Qos, long: boolean, expiry: number): void {
    const { link } = client;
    if (link === null || !link.up || link.transport.paused) return;
    const retain = topic === RETAINED;
    const sent = this.message(topic, qos, client.id, long, client.version === 5 && !retain ? expiry : 0);
    if (retain && expiry > 0) Object.assign(sent, { payload: "" });
    this.expect(sent, false);
    const id = qos === 0 ? 0 : this.#id(client);
    if (qos > 0) client.unfinished.set(id, { sent, released: false });
    this.#send(client, link, sent, id, false);
  }

  #send(client: Client, link: Link, sent: Sent, id: number, dup: boolean): void {
    const { topic, qos, payload, expiry } = sent;
    // Repeated in MQTT 3 it never expires.
    if (expiry !== 0) sent.expiresAt = client.version === 5 ? this.now + expiry * 1_000 : 0;
    const retain = topic === RETAINED;
    if (retain) this.retained.push(sent);
    const properties = expiry === 0 ? {} : { messageExpiryInterval: expiry };
    link.transport.feed(
      encode({ cmd: "publish", topic, payload, qos, id, dup, retain, properties }, client.version),
    );
  }

  /** Everything that has come from the broker. */
  receive(): void {
    for (const client of this.clients) {
      const { link } = client;
      if (link === null) continue;
      assert.ok(!link.transport.ended, `the broker has ended the connection of ${client.id}`);
      for (const packet of link.decoder.push(link.transport.take())) this.#packet(client, link, packet);
    }
  }

  #packet(client: Client, link: Link, packet: Packet): void {
    if (client.link !== link) return;
    if (packet.cmd !== "connack") assert.ok(link.up, `${packet.cmd} before CONNACK`);
    switch (packet.cmd) {
      case "connack":
        this.#connack(client, link, packet.code, packet.sessionPresent);
        break;
      case "suback":
      case "unsuback":
        assert.ok(link.changes.delete(packet.id));
        if (link.changes.size === 0) client.disk = client.possible.map(kept);
        break;
      case "publish":
        this.#delivered(client, link, packet);
        break;
      case "pubrel":
        client.open.delete(packet.id);
        link.inFlight.delete(packet.id);
        link.held.push({ cmd: "pubcomp", id: packet.id });
        break;
      case "puback":
      case "pubrec": {
        const entry = client.unfinished.get(packet.id);
        assert.ok(entry !== undefined, `${packet.cmd} for nothing that is open`);
        entry.sent.acknowledged = true;
        if (entry.sent.topic === RETAINED && !entry.sent.repeated) {
          this.retained = this.retained.slice(Math.max(0, this.retained.indexOf(entry.sent)));
        }
        if (packet.cmd === "puback") client.unfinished.delete(packet.id);
        else {
          entry.released = true;
          link.transport.feed(encode({ cmd: "pubrel", id: packet.id }, client.version));
        }
        break;
      }
      case "pubcomp":
        client.unfinished.delete(packet.id);
        break;
      case "disconnect":
      case "auth":
      case "pingresp":
        assert.fail(`unexpected ${JSON.stringify(packet)}`);
    }
  }

  #connack(client: Client, link: Link, code: number, sessionPresent: boolean): void {
    assert.equal(code, 0);
    link.up = true;
    const { newest } = link;
    // MQTT 3.1 does not tell.
    const told = client.version !== 3;
    if (told) {
      const fitting = client.possible.filter((state) => (state?.session !== newest) === sessionPresent);
      assert.ok(
        fitting.length > 0,
        `session present is ${sessionPresent} for ${client.id}, possible: ${JSON.stringify(client.possible)}`,
      );
      client.possible = fitting;
    }
    const isNew = client.possible.every((state) => state?.session !== client.session);
    const isOld = client.possible.every((state) => state?.session === client.session);
    // From here on it is one session, whichever it was.
    const one = client.possible[0]?.session ?? 0;
    client.session = one;
    client.possible = unique(
      client.possible.map((state) => (state === null ? null : { ...state, session: one })),
    );
    client.disk = client.possible.map(kept);
    if (client.will !== null) client.will.sure = true;
    if (isNew) {
      for (const { expected } of this.messages) expected.delete(client);
      client.forget();
      client.unfinished.clear();
    } else if (!isOld) {
      // MQTT 3.1 does not tell: it may get again what it has.
      this.nothingMust(client);
      for (const { expected, groups } of this.messages) {
        for (const expectation of [expected.get(client), ...groups.values()]) {
          if (expectation !== undefined) expectation.gotTwo = 0;
        }
      }
      client.forget();
      for (const { sent } of client.unfinished.values()) sent.free = true;
      this.#repeat(client, link);
    } else this.#repeat(client, link);
    this.judgeGroups();
  }

  /** A client that has its session goes on with what was not complete [MQTT-4.4.0-1]. */
  #repeat(client: Client, link: Link): void {
    for (const [id, { sent, released }] of client.unfinished) {
      if (released) link.transport.feed(encode({ cmd: "pubrel", id }, client.version));
      else {
        this.expect(sent, true);
        sent.repeated = true;
        this.unsure = true;
        this.#send(client, link, sent, id, true);
      }
    }
  }

  #delivered(client: Client, link: Link, packet: Publish): void {
    const number = Number.parseInt(Buffer.from(packet.payload).toString("latin1", 0, 12), 10);
    const sent = this.messages[number];
    assert.ok(sent !== undefined && sent.topic === packet.topic, `message ${number} was never sent`);
    assert.equal(Buffer.from(packet.payload).toString(), sent.payload);
    const { qos, id } = packet;
    const name = `${client.id} got ${number} (QoS ${qos}, id ${id})`;
    if (qos > 0) {
      assert.ok(!link.inFlight.has(id), `${name}: the id is in flight`);
      assert.ok(link.inFlight.size < link.window, `${name}: the window is exceeded`);
      link.inFlight.add(id);
    }
    if (qos === 1) {
      if (client.unanswered.get(id) === number && !sent.repeated && !sent.free)
        assert.ok(packet.dup, `${name}: without DUP`);
      assert.ok(!client.open.has(id), `${name}: the id is that of an open QoS 2 message`);
      client.unanswered.set(id, number);
      link.held.push({ cmd: "puback", id });
    }
    if (qos === 2) {
      link.held.push({ cmd: "pubrec", id });
      const before = client.open.get(id);
      if (before !== undefined) {
        assert.equal(before, number, `${name}: the id is that of another open message`);
        assert.ok(packet.dup, `${name}: without DUP`);
        return;
      }
      client.open.set(id, number);
    }
    this.arrived(client, sent, packet, name);
  }

  answer(client: Client, count: number): void {
    const { link } = client;
    if (link === null || !link.up) return;
    for (const packet of link.held.splice(0, count)) {
      if (packet.cmd === "puback") {
        client.unanswered.delete(packet.id);
        link.inFlight.delete(packet.id);
      }
      link.transport.feed(encode(packet, client.version));
    }
  }

  /** All come back and take what there is. */
  async finish(): Promise<void> {
    await this.settle();
    for (const client of this.clients) {
      const version = client.version === 3 ? 4 : client.version;
      this.connect(client, { version, clean: false, expiry: NEVER, window: 100, will: null });
    }
    for (let still = 0, turns = 0; still < 5; turns++) {
      assert.ok(turns < 1_000, "it does not come to an end");
      await this.settle();
      const busy = this.clients.some(({ link }) => (link?.held.length ?? 0) > 0);
      for (const client of this.clients) this.answer(client, 1_000);
      still = busy ? 0 : still + 1;
    }
    for (const { id, unfinished, link } of this.clients) {
      assert.equal(unfinished.size, 0, `${id} has unanswered publishes`);
      assert.equal(link?.inFlight.size, 0, `${id} has open deliveries`);
    }
    const { retained } = this.node.parts.mountpoints.of("");
    this.judge([...retained.entries()].map(({ payload }) => payload.toString())[0] ?? "");
    await this.node.parts.store.close();
  }
}
