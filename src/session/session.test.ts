import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import mqttPacket, { type Packet } from "mqtt-packet";
import { type TestNodeOptions, type TestTransport, testNode } from "../node/node-test-support.ts";
import type { HookAnswer } from "../plugin/answer.ts";
import type { Hooks } from "../plugin/hook.ts";
import type { Plugin } from "../plugin/plugin.ts";
import type { Session } from "./session.ts";

type Version = 3 | 4 | 5;

const OK: HookAnswer<never> = { kind: "ok" };
const ALLOW: Hooks = {
  auth_on_register: () => OK,
  auth_on_register_m5: () => OK,
  auth_on_publish: () => OK,
  auth_on_publish_m5: () => OK,
  auth_on_subscribe: () => OK,
  auth_on_subscribe_m5: () => OK,
};

/** What a client was sent since the last call, each packet in one word. */
function sent(transport: TestTransport, version: Version): string[] {
  const packets: Packet[] = [];
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("packet", (packet) => packets.push(packet));
  parser.parse(transport.take());
  return packets.map(word);
}

function word(packet: Packet): string {
  switch (packet.cmd) {
    case "publish":
      return `publish ${packet.topic} ${packet.payload.toString()} ${packet.qos}${packet.dup ? " dup" : ""}`;
    case "connack":
    case "disconnect": {
      const code = packet.cmd === "connack" ? (packet.reasonCode ?? packet.returnCode) : packet.reasonCode;
      return `${packet.cmd} 0x${(code ?? 0).toString(16)}`;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `${packet.cmd} ${packet.messageId}`;
    default:
      return packet.cmd;
  }
}

const bytes = (packet: Packet, version: Version): Buffer =>
  mqttPacket.generate(packet, { protocolVersion: version });

const PING: Packet = { cmd: "pingreq" };

function publish(messageId: number, qos: 0 | 1 | 2 = 1, payload = "x"): Packet {
  return { cmd: "publish", topic: "t", payload, qos, messageId, retain: false, dup: false };
}

function connectPacket(clientId: string, version: Version, clean = true): Packet {
  return {
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: version,
    clientId,
    clean,
    keepalive: 0,
    ...(version === 5 && !clean ? { properties: { sessionExpiryInterval: 100 } } : {}),
  };
}

/** A promise of an answer and the way to give it. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, answer: <T>(answer: T): Promise<T> => promise.then(() => answer) };
}

/** Lets promises and the store go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function setUp(
  context: TestContext,
  configuration = "",
  hooks: Hooks = {},
  options: TestNodeOptions = {},
) {
  const plugin: Plugin = { name: "test", hooks: { ...ALLOW, ...hooks } };
  const node = await testNode(context, configuration, [plugin], options);
  const { clock, wheel, parts } = node;
  return {
    ...node,
    /** Moves the time on, tick by tick, until `stop` holds or so many milliseconds have passed; gives how many. */
    pass(milliseconds: number, stop: () => boolean = () => false): number {
      for (let passed = 0; passed < milliseconds; passed += 100) {
        clock.advance(100);
        wheel.turn();
        if (stop()) return passed + 100;
      }
      return milliseconds;
    },
    /** Nothing is left of these sessions. */
    assertGone(sessions: readonly Session[]): void {
      assert.deepEqual([parts.registry.count, parts.registry.online], [0, 0]);
      for (const { timers, queue } of sessions) assert.deepEqual([timers.dueTick, queue], [-1, null]);
    },
  };
}

describe("keep-alive", () => {
  for (const version of [4, 5] as const) {
    it(`ends MQTT ${version} connections after one and a half times, never earlier`, async (context) => {
      for (const late of [0, 1, 50, 99]) {
        const { connect, clock, pass } = await setUp(context);
        const { session, transport } = await connect("c", { version, keepAlive: 10, clean: true });
        pass(5_000);
        clock.advance(late);
        transport.feed(bytes(PING, version));
        // The wheel is on its way to its next tick: what passes from now on is real time.
        const passed = pass(30_000, () => transport.ended);
        assert.ok(passed >= 15_000 && passed <= 15_400, `${passed} ms`);
        assert.equal(session.connected, false);
        const last = sent(transport, version).at(-1);
        assert.equal(last, version === 5 ? "disconnect 0x8d" : "pingresp");
      }
    });
  }

  it("does not blame the client for a stall of the process", async (context) => {
    const { connect, clock, wheel, pass } = await setUp(context);
    const { transport } = await connect("c", { keepAlive: 10, clean: true });
    clock.advance(60_000);
    wheel.turn();
    transport.feed(bytes(PING, 4));
    pass(14_900);
    assert.equal(transport.ended, false);
    assert.ok(pass(1_000, () => transport.ended) < 1_000);
  });

  it("does not count while the broker does not read", async (context) => {
    const throttled: HookAnswer<{ throttle: number }> = { kind: "ok", modifiers: { throttle: 60_000 } };
    const { connect, pass } = await setUp(context, "", { auth_on_publish: () => throttled });
    const { transport } = await connect("c", { keepAlive: 10, clean: true });
    transport.feed(Buffer.concat([bytes(publish(1), 4), bytes(PING, 4)]));
    assert.equal(transport.paused, true);
    pass(60_000, () => transport.ended);
    assert.equal(transport.ended, false);
    pass(200);
    assert.deepEqual(sent(transport, 4), ["connack 0x0", "puback 1", "pingresp"]);
    const passed = pass(30_000, () => transport.ended);
    assert.ok(passed >= 14_700 && passed <= 15_400, `${passed} ms`);
  });

  it("of 0 never ends a connection", async (context) => {
    const { connect, pass } = await setUp(context);
    const { transport } = await connect("c", { keepAlive: 0 });
    pass(1_000_000);
    assert.equal(transport.ended, false);
  });
});

describe("a client whose messages go to very many", () => {
  it("stops when enough is done for one turn, so that others are served, and goes on in the next ones", async (context) => {
    const { connect } = await setUp(context);
    for (let i = 0; i < 200; i++) {
      const { transport } = await connect(`s${i}`, { clean: true });
      transport.feed(bytes({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 0 }] }, 4));
      transport.writable = false;
    }
    await settle();
    const { transport } = await connect("p", { clean: true });
    const other = await connect("o", { clean: true });
    const payload = "x".repeat(10_000);
    transport.feed(
      Buffer.concat(Array.from({ length: 100 }, (_, i) => bytes(publish(i + 1, 1, payload), 4))),
    );
    assert.equal(transport.paused, true);
    other.transport.feed(bytes(PING, 4));
    assert.deepEqual(sent(other.transport, 4), ["connack 0x0", "pingresp"]);
    const first = sent(transport, 4).length;
    assert.ok(first < 40, `${first}`);
    let turns = 0;
    for (let all = first; all < 101; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      all += sent(transport, 4).length;
      assert.ok(turns < 100, `${all}`);
    }
    assert.ok(turns > 2, `${turns}`);
    await settle();
    assert.equal(transport.paused, false);
  });
});

describe("times of a connection", () => {
  it("mqtt_connect_timeout: the connection is cut off, without a packet", async (context) => {
    const { open, pass, assertGone } = await setUp(context, "mqtt_connect_timeout = 2000");
    const { session, transport } = open();
    const passed = pass(10_000, () => transport.ended);
    assert.ok(passed >= 2_000 && passed <= 2_200, `${passed} ms`);
    assert.deepEqual(sent(transport, 4), []);
    assertGone([session]);
  });

  it("mqtt_connect_timeout ends with CONNACK, and waits for a plugin", async (context) => {
    const slow = gate();
    const hooks = { auth_on_register: () => slow.answer(OK) };
    const rules = { allowAnonymousOverride: false };
    const text = "mqtt_connect_timeout = 2000\nallow_anonymous = off";
    const { open, pass } = await setUp(context, text, hooks, { rules });
    const { transport } = open();
    transport.feed(bytes(connectPacket("c", 4), 4));
    pass(4_500);
    assert.deepEqual([transport.ended, transport.paused], [false, true]);
    slow.open();
    await settle();
    assert.deepEqual(sent(transport, 4), ["connack 0x0"]);
    pass(60_000);
    assert.deepEqual([transport.ended, transport.paused], [false, false]);
  });

  it("a CONNECT that the store cannot take ends with the connect time-out", async (context) => {
    const { open, pass, database, assertGone, parts } = await setUp(context, "mqtt_connect_timeout = 2000");
    const held = gate();
    database.gate = held.answer(undefined);
    const { session, transport } = open();
    transport.feed(bytes(connectPacket("c", 4, false), 4));
    await settle();
    const passed = pass(10_000, () => transport.ended);
    assert.ok(passed >= 2_000 && passed <= 2_200, `${passed} ms`);
    database.gate = null;
    held.open();
    await settle();
    assert.equal(parts.registry.online, 0);
    assert.deepEqual(sent(transport, 4), []);
    const subscriber = parts.registry.find("", "c");
    assert.ok(subscriber !== undefined, "the session was made durable");
    parts.registry.remove(subscriber);
    assertGone([session]);
  });

  for (const version of [4, 5] as const) {
    it(`max_connection_lifetime ends MQTT ${version} connections`, async (context) => {
      const rules = { maxConnectionLifetimeSeconds: 5 };
      const { connect, pass } = await setUp(context, "", {}, { rules });
      const { transport } = await connect("c", { version, clean: true });
      const passed = pass(10_000, () => transport.ended);
      assert.ok(passed >= 5_000 && passed <= 5_200, `${passed} ms`);
      const wanted = version === 5 ? ["connack 0x0", "disconnect 0xa0"] : ["connack 0x0"];
      assert.deepEqual(sent(transport, version), wanted);
    });
  }
});

describe("retry_interval", () => {
  it("MQTT 3: what is not acknowledged is sent again with DUP, again and again", async (context) => {
    const {
      connect,
      subscribe,
      publish: route,
      pass,
      committed,
    } = await setUp(context, "retry_interval = 5");
    const { transport } = await connect("c", { clean: true });
    subscribe("c", "t", 2);
    route("t", "one", 1);
    route("t", "two", 2);
    await committed();
    assert.deepEqual(sent(transport, 4), ["connack 0x0", "publish t one 1", "publish t two 2"]);
    pass(4_900);
    assert.deepEqual(sent(transport, 4), []);
    for (let i = 0; i < 3; i++) {
      pass(i === 0 ? 200 : 5_900);
      assert.deepEqual(sent(transport, 4), ["publish t one 1 dup", "publish t two 2 dup"], `time ${i}`);
    }
    transport.feed(bytes({ cmd: "puback", messageId: 1 }, 4));
    transport.feed(bytes({ cmd: "pubrec", messageId: 2 }, 4));
    assert.deepEqual(sent(transport, 4), ["pubrel 2"]);
    pass(5_900);
    assert.deepEqual(sent(transport, 4), ["pubrel 2"]);
    transport.feed(bytes({ cmd: "pubcomp", messageId: 2 }, 4));
    pass(60_000);
    assert.deepEqual(sent(transport, 4), []);
    route("t", "three", 1);
    pass(4_900);
    assert.deepEqual(sent(transport, 4), ["publish t three 1"]);
    pass(1_200);
    assert.deepEqual(sent(transport, 4), ["publish t three 1 dup"]);
  });

  it("MQTT 5: nothing is sent again on the same connection [MQTT-4.4.0-1]", async (context) => {
    const { connect, subscribe, publish: route, pass } = await setUp(context, "retry_interval = 5");
    const { transport } = await connect("c", { version: 5, clean: true });
    subscribe("c", "t", 2);
    route("t", "one", 1);
    route("t", "two", 2);
    assert.deepEqual(sent(transport, 5), ["connack 0x0", "publish t one 1", "publish t two 2"]);
    pass(600_000);
    assert.deepEqual(sent(transport, 5), []);
  });
});

describe("flow of publishes", () => {
  it("max_message_rate: a second's worth at once, then as many as the rate allows", async (context) => {
    const { connect, pass } = await setUp(context, "max_message_rate = 5");
    const { transport } = await connect("c", { clean: true });
    for (let id = 1; id <= 20; id++) transport.feed(bytes(publish(id), 4));
    const first = sent(transport, 4).length - 1;
    assert.equal(first, 6, "the sixth is taken before the pause");
    assert.equal(transport.paused, true);
    pass(1_000);
    const second = sent(transport, 4).length;
    assert.ok(second >= 4 && second <= 5, `${second} in the second second`);
    pass(5_000);
    assert.equal(first + second + sent(transport, 4).length, 20);
    assert.equal(transport.paused, false);
  });

  it("MQTT 5: Receive Maximum counts what waits for the store, too [MQTT-3.3.4-9]", async (context) => {
    const { connect, open, subscribe, database, committed } = await setUp(context, "receive_max_broker = 3");
    await connect("r");
    subscribe("r", "t", 1);
    await committed();
    const held = gate();
    database.gate = held.answer(undefined);
    const { transport } = open();
    transport.feed(bytes(connectPacket("p", 5), 5));
    // The receiver does not acknowledge, so only the store could settle them.
    for (let id = 1; id <= 3; id++) transport.feed(bytes(publish(id), 5));
    assert.deepEqual(sent(transport, 5), ["connack 0x0"]);
    transport.feed(bytes(publish(4), 5));
    assert.deepEqual(sent(transport, 5), ["disconnect 0x93"]);
    database.gate = null;
    held.open();
    await settle();
    assert.deepEqual(sent(transport, 5), []);
  });

  it("a store that cannot keep up: publishers wait, nobody is acknowledged early, all goes on in order", async (context) => {
    const store = { uncommittedLimitBytes: 20_000 };
    const { connect, subscribe, database, committed } = await setUp(
      context,
      "max_online_messages = -1",
      {},
      { store },
    );
    await connect("r");
    subscribe("r", "t", 1);
    const { transport } = await connect("p", { clean: true });
    await committed();
    sent(transport, 4);
    const held = gate();
    database.gate = held.answer(undefined);
    for (let id = 1; id <= 200; id++) transport.feed(bytes(publish(id, 1, "x".repeat(1000)), 4));
    transport.feed(bytes(PING, 4));
    await settle();
    assert.equal(transport.paused, true);
    assert.deepEqual(sent(transport, 4), []);
    database.gate = null;
    held.open();
    for (let i = 0; i < 50 && transport.paused; i++) await settle();
    await settle();
    const answers = sent(transport, 4);
    assert.equal(transport.paused, false);
    const acknowledged = answers.filter((one) => one !== "pingresp");
    assert.deepEqual(
      acknowledged,
      Array.from({ length: 200 }, (_, i) => `puback ${i + 1}`),
    );
    assert.equal(answers.length, 201);
  });
});

describe("take-over and ends while something is pending", () => {
  it("a take-over while auth_on_publish thinks: the old connection ends, its publish is void", async (context) => {
    const slow = gate();
    const { connect, parts, subscribe } = await setUp(context, "", {
      auth_on_publish: () => slow.answer(OK),
    });
    const watcher = await connect("w", { clean: true });
    subscribe("w", "t", 1);
    const first = await connect("c", { clean: true });
    first.transport.feed(bytes(publish(1), 4));
    assert.equal(first.transport.paused, true);
    const second = await connect("c", { clean: true });
    assert.deepEqual([first.transport.ended, second.session.connected], [true, true]);
    slow.open();
    await settle();
    assert.deepEqual(sent(first.transport, 4), ["connack 0x0"]);
    assert.deepEqual(sent(watcher.transport, 4), ["connack 0x0"]);
    assert.deepEqual([parts.registry.count, parts.registry.online], [2, 2]);
    assert.equal(first.session.timers.dueTick, -1);
  });

  it("two CONNECTs of one client id that hooks answer in the other order: the last answered stays", async (context) => {
    const gates = [gate(), gate()] as const;
    let asked = 0;
    const hooks = { auth_on_register_m5: () => gates[asked++ === 0 ? 0 : 1].answer(OK) };
    const rules = { allowAnonymousOverride: false };
    const { open, parts } = await setUp(context, "allow_anonymous = off", hooks, { rules });
    const [first, second] = [open(), open()];
    for (const { transport } of [first, second]) transport.feed(bytes(connectPacket("c", 5, false), 5));
    gates[1].open();
    await settle();
    assert.deepEqual(sent(second.transport, 5), ["connack 0x0"]);
    gates[0].open();
    await settle();
    assert.deepEqual(sent(first.transport, 5), ["connack 0x0"]);
    assert.deepEqual(sent(second.transport, 5), ["disconnect 0x8e"]);
    assert.deepEqual([parts.registry.count, parts.registry.online], [1, 1]);
    assert.equal(parts.registry.find("", "c")?.handle, first.session);
  });

  it("a take-over while the store writes the older CONNECT: one CONNACK, for the newer", async (context) => {
    const { open, database, parts } = await setUp(context);
    const held = gate();
    database.gate = held.answer(undefined);
    const [first, second] = [open(), open()];
    for (const { transport } of [first, second]) transport.feed(bytes(connectPacket("c", 5, false), 5));
    assert.equal(first.transport.ended, true);
    database.gate = null;
    held.open();
    await settle();
    assert.deepEqual(sent(first.transport, 5), []);
    assert.deepEqual(sent(second.transport, 5), ["connack 0x0"]);
    assert.deepEqual([parts.registry.count, parts.registry.online], [1, 1]);
  });

  it("connections that end while reading pauses leave nothing behind", async (context) => {
    const slow = gate();
    const throttled: HookAnswer<{ throttle: number }> = { kind: "ok", modifiers: { throttle: 5_000 } };
    const { connect, open, pass, assertGone, database } = await setUp(
      context,
      "",
      {
        auth_on_register: () => slow.answer(OK),
        auth_on_publish: ({ subscriberId: { clientId } }) =>
          clientId === "rate" ? throttled : slow.answer(OK),
        auth_on_subscribe: () => slow.answer(OK),
        on_deliver: () => slow.answer(OK),
      },
      { store: { uncommittedLimitBytes: 1 } },
    );
    const options = { clean: true, keepAlive: 10 } as const;
    const rate = await connect("rate", options);
    rate.transport.feed(bytes(publish(1), 4));
    const publishing = await connect("publishing", options);
    publishing.transport.feed(bytes(publish(1), 4));
    const subscribing = await connect("subscribing", options);
    const filters: Packet = { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 1 }] };
    subscribing.transport.feed(bytes(filters, 4));
    const connecting = open();
    const held = gate();
    database.gate = held.answer(undefined);
    connecting.transport.feed(bytes(connectPacket("connecting", 4), 4));
    const all = [rate, publishing, subscribing, connecting];
    for (const { transport } of all.slice(0, 3)) assert.equal(transport.paused, true);
    for (const { session } of all) session.onClose(null);
    database.gate = null;
    held.open();
    slow.open();
    await settle();
    pass(100_000);
    assertGone(all.map(({ session }) => session));
  });

  it("what goes wrong after a late answer ends that connection only", async (context) => {
    const slow = gate();
    const { connect, parts } = await setUp(context, "", { auth_on_publish: () => slow.answer(OK) });
    const { session, transport } = await connect("c", { clean: true });
    const other = await connect("d", { clean: true });
    const broken = (): never => {
      throw new Error("broken");
    };
    session.mountpoint = {
      ...session.mountpoint,
      router: Object.assign(Object.create(null), { publish: broken }),
    };
    transport.feed(bytes(publish(1), 4));
    slow.open();
    await settle();
    assert.equal(transport.ended, true);
    assert.equal(other.transport.ended, false);
    assert.equal(parts.registry.online, 1);
  });
});
