/** Damaged data: the broker starts, serves what is whole, and says what it could not read. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { Random } from "../support/random.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";

/** Data files with content, the largest first; lock files and text logs of the database are none. */
function dataFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(log|ldb|sst)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size > 0)
    .sort((a, b) => statSync(b).size - statSync(a).size);
}

const sessions = 20;
const each = 30;

/** Persistent sessions with messages waiting, and retained messages; then an orderly end. */
async function fill(broker: Broker): Promise<void> {
  const publisher = await RawClient.connect(broker.port, { clientId: "publisher" });
  for (let i = 0; i < sessions; i++) {
    const client = await RawClient.connect(broker.port, { clientId: `s${i}`, clean: false });
    await client.subscribe(`d/${i}`, 1);
    await client.disconnect();
    for (let k = 0; k < each; k++) await publisher.publish(`d/${i}`, `${k} ${"x".repeat(200)}`, { qos: 1 });
    await publisher.publish(`r/${i}`, `${i}`, { qos: 1, retain: true });
  }
  await publisher.disconnect();
  assert.equal(await broker.stop(), 0);
}

/** New clients are served, and whatever old sessions are left can be taken up. */
async function serves(broker: Broker): Promise<{ present: number; messages: number }> {
  const fresh = await RawClient.connect(broker.port, { version: 5, clientId: "fresh" });
  await fresh.subscribe("new", 2);
  await fresh.publish("new", "x", { qos: 2 });
  await fresh.receive({ payload: "x" });
  let present = 0;
  let messages = 0;
  for (let i = 0; i < sessions; i++) {
    const client = await RawClient.connect(broker.port, { clientId: `s${i}`, clean: false });
    if (client.connack?.sessionPresent === true) present += 1;
    if (client.connack?.sessionPresent === true) {
      const ack = await fresh.publish(`d/${i}`, "end", { qos: 1 });
      // 0x10: its subscription was in the part that is lost.
      if (ack?.code === 0x10) {
        client.destroy();
        continue;
      }
      for (let last = -1; ; messages++) {
        const text = Buffer.from((await client.receive({ topic: `d/${i}` })).payload).toString();
        if (text === "end") break;
        assert.ok(Number.parseInt(text, 10) > last, `session ${i} got ${text.slice(0, 4)} after ${last}`);
        last = Number.parseInt(text, 10);
      }
    }
    client.destroy();
  }
  await fresh.disconnect();
  return { present, messages };
}

const damages: Record<string, (files: string[], random: Random) => void> = {
  // What was cut off cannot be told from what was never written: nothing to say.
  "a torn end of every log": (files) => {
    for (const file of files.filter((name) => name.endsWith(".log"))) {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.subarray(0, Math.floor(bytes.length * 0.7)));
    }
  },
  "flipped bytes in the largest file": (files, random) => {
    const file = files[0] ?? "";
    const bytes = readFileSync(file);
    for (let i = 0; i < 20; i++) bytes[random.below(bytes.length)] = random.below(256);
    writeFileSync(file, bytes);
  },
  "the largest file is missing": (files) => rmSync(files[0] ?? ""),
  "garbage in place of the largest file": (files, random) =>
    writeFileSync(files[0] ?? "", random.bytes(5000)),
};

for (const [what, damage] of Object.entries(damages)) {
  test(`${what}: it starts and serves`, { skip: oursOnly }, async () => {
    await using broker = await startBroker();
    await fill(broker);
    const files = dataFiles(broker.directories.data);
    assert.ok(files.length > 0, "there are data files");
    damage(files, Random.fromEnvironment("VERNEMQ_DAMAGE_SEED"));
    await broker.restart();
    const left = await serves(broker);
    const said = broker.log();
    if (!what.includes("torn") && (left.present < sessions || left.messages < sessions * each)) {
      assert.match(said, /quarantin|damag|lost|corrupt|dropped|repair/i, "it says that something is lost");
    }
    // Once more: what was put in order stays in order.
    await broker.restart();
    assert.equal(await broker.stop(), 0);
    assert.ok(existsSync(broker.directories.data));
  });
}
