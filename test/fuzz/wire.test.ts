/**
 * Hostile bytes. Seed: VERNEMQ_FUZZ_SEED. Length: VERNEMQ_FUZZ_SECONDS; VERNEMQ_TEST_LONG=1 sends a
 * million packets.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../support/broker.ts";
import { Random } from "../support/random.ts";
import { RawClient, show } from "../support/raw-client.ts";
import { oursOnly, startTarget } from "../support/suite.ts";
import { encode, type Version } from "../support/wire.ts";
import { connectPacket, fault, mutate, validPacket } from "./packets.ts";
import { Watch } from "./watch.ts";

const long = process.env.VERNEMQ_TEST_LONG === "1";
const budgetMs = 1000 * Number(process.env.VERNEMQ_FUZZ_SECONDS ?? (long ? 1800 : 20));
const packetBudget = long ? 500_000 : Number.POSITIVE_INFINITY;
const memoryBound = 600 * 1_048_576;
const versions: readonly Version[] = [3, 4, 5];

let broker: Broker;
before(async () => {
  broker = await startTarget({
    configuration: { mqtt_connect_timeout: 1000, "listener.max_connections": 5000 },
  });
});
after(async () => await broker?.[Symbol.asyncDispose]());

/** Runs `one` in eight loops until the time or the packets are used up. */
async function hammer(one: (random: Random) => Promise<number>): Promise<void> {
  const random = Random.fromEnvironment("VERNEMQ_FUZZ_SEED");
  const watch = new Watch(broker);
  watch.start();
  const end = performance.now() + budgetMs / 2;
  let packets = 0;
  const loops = Array.from({ length: 8 }, (_, i) => new Random(random.seed + i));
  try {
    await Promise.all(
      loops.map(async (own) => {
        while (performance.now() < end && packets < packetBudget) {
          const sent = await one(own);
          packets += sent;
        }
      }),
    );
  } catch (error) {
    console.log(`failed with VERNEMQ_FUZZ_SEED=${random.seed} after ${packets} packets`);
    process.stderr.write(`${broker.log().split("\n").slice(-30).join("\n")}\n`);
    throw error;
  }
  console.log(`${packets} packets`);
  await watch.end(memoryBound);
}

/** Reads on until the given packet, another end of the connection, or a pong. */
async function outcome(
  client: RawClient,
): Promise<{ kind: "alive" | "closed" } | { kind: "disconnect"; code: number }> {
  for (;;) {
    const packet = await client.next();
    if (packet === undefined) return { kind: "closed" };
    if (packet.cmd === "disconnect") {
      await client.expectClosed();
      return { kind: "disconnect", code: packet.code };
    }
    if (packet.cmd === "pingresp" && client.pending.length === 0) return { kind: "alive" };
  }
}

let names = 0;
/** So many sessions may be left behind, to be resumed by later clients; each may have a full offline queue. */
const reused = 200;

describe("wire", () => {
  test("every structured fault gets the answer that the specification names", {
    skip: oursOnly,
  }, async () => {
    await hammer(async (random) => {
      const version = random.pick(versions);
      const client = await RawClient.open(broker.port, { version });
      try {
        client.sendConnect({ clientId: `f${names++}` });
        await client.expect("connack", { code: 0 });
        const { name, bytes, codes } = fault(random, version);
        client.send(bytes);
        const answer = await client.next();
        const what = `version ${version}, ${name}, ${bytes.toString("hex").slice(0, 200)}: got ${show(answer)}`;
        if (version === 5) {
          assert.ok(answer?.cmd === "disconnect" && codes.includes(answer.code), what);
          await client.expectClosed();
        } else if (answer !== undefined) {
          // A bad filter may be refused alone.
          assert.ok(answer.cmd === "suback" && answer.codes.every((code) => code === 0x80), what);
        }
      } finally {
        client.destroy();
      }
      return 2;
    });
  });

  test("blind mutations: only well-formed answers, a DISCONNECT with a reason, or the end", async () => {
    await hammer(async (random) => {
      const version = random.pick(versions);
      const client = await RawClient.open(broker.port, { version });
      try {
        const connect = connectPacket(random, version, `m${names++ % reused}`);
        let count = 1;
        if (random.chance(0.2)) {
          client.send(mutate(random, connect));
          // It may have become a CONNECT of another version, whose answers read differently.
          client.socket.end();
          await client.ended();
          return 1;
        } else {
          client.send(connect);
          const parts: Buffer[] = [];
          for (let i = random.between(1, 30); i > 0; i--) {
            const bytes = encode(validPacket(random, version), version);
            parts.push(random.chance(0.06) ? mutate(random, bytes) : bytes);
            count += 1;
          }
          const stream = Buffer.concat(parts);
          // In one piece, or cut anywhere.
          for (let at = 0; at < stream.length; ) {
            const next = random.chance(0.8) ? stream.length : at + random.between(1, 50);
            client.send(stream.subarray(at, next));
            if (next < stream.length && random.chance(0.1)) await delay(1);
            at = next;
          }
        }
        client.send({ cmd: "pingreq" });
        // Cut off in the middle of a packet it would wait for ever.
        client.socket.end();
        const end = await outcome(client);
        if (end.kind === "disconnect") assert.ok(end.code >= 0x80, `DISCONNECT 0x${end.code.toString(16)}`);
        return count;
      } finally {
        client.destroy();
      }
    });
  });

  test("slow and split senders, many packets in one segment, first packets that never end", async () => {
    const watch = new Watch(broker);
    watch.start();
    const slow = await RawClient.open(broker.port);
    const huge = await RawClient.open(broker.port);
    // A CONNECT of 256 MB is announced and never sent.
    huge.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]));
    for (const byte of encode({ cmd: "connect", clientId: "slow" }, 4).subarray(0, 10)) {
      slow.send(Buffer.from([byte]));
      await delay(20);
    }
    if (oursOnly === false) {
      await huge.expectClosed();
      await slow.expectClosed();
    }
    const burst = await RawClient.connect(broker.port, { clientId: "burst" });
    const packets = Array.from({ length: 5000 }, (_, i) =>
      encode({ cmd: "publish", topic: "burst", payload: `${i}`, qos: 1, id: i + 1 }, 4),
    );
    burst.send(...packets);
    for (let id = 1; id <= 5000; id++) await burst.expect("puback", { id });
    await burst.disconnect();
    slow.destroy();
    huge.destroy();
    await watch.end(memoryBound);
  });

  test("odd client ids harm neither files nor logs", { skip: oursOnly }, async () => {
    const ids = [
      "../../etc/passwd",
      "a\nINJECTED line",
      "\u001b[31mred",
      "a\r\nINJECTED",
      "%s%n",
      "' or 1=1",
      "\u202e",
      "x".repeat(100),
    ];
    for (const clientId of ids) {
      const options = {
        version: 5,
        clientId,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
      } as const;
      const client = await RawClient.attempt(broker.port, options);
      if (client.connack?.code === 0) {
        await client.subscribe(`odd/${ids.indexOf(clientId)}`, 1);
        await client.disconnect();
        const again = await RawClient.connect(broker.port, options);
        assert.equal(again.connack?.sessionPresent, true);
        await again.disconnect();
      }
    }
    const text = broker.log();
    assert.doesNotMatch(text, /^INJECTED/m);
    assert.ok(!text.includes("\u001b[31m"), "a control sequence of a client in the log");
  });

  test("topics at the limits: 65,535 bytes, 32,000 levels", async () => {
    const watch = new Watch(broker);
    watch.start();
    for (const version of versions) {
      for (const name of ["x".repeat(65_535), "a/".repeat(32_000), "/".repeat(65_535)]) {
        for (const packet of [
          encode({ cmd: "publish", topic: name, payload: "x", qos: 1, id: 1, retain: true }, version),
          encode({ cmd: "subscribe", id: 1, filters: [{ filter: name }] }, version),
          encode({ cmd: "unsubscribe", id: 1, filters: [name] }, version),
        ]) {
          const client = await RawClient.connect(broker.port, { version, clientId: `t${names++}` });
          client.send(packet);
          await client.next();
          client.destroy();
        }
      }
    }
    await watch.end(memoryBound);
  });
});
