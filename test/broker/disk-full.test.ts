/**
 * A full disk: what is not stored is not acknowledged, other traffic goes on, and the broker recovers
 * by itself when there is room again. Needs the right to mount a small file system.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startBroker } from "../support/broker.ts";
import { removeDirectory, run, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";

async function mounted(directory: string): Promise<boolean> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  return (await run("mount", ["-t", "tmpfs", "-o", "size=24m", "none", directory])).code === 0;
}

test("disk full: nothing acknowledged is lost, and it recovers", { skip: oursOnly }, async (context) => {
  const directory = temporaryDirectory();
  if (!(await mounted(directory))) {
    removeDirectory(directory);
    context.skip("needs root to mount a tmpfs");
    return;
  }
  try {
    const dataDirectory = join(directory, "data");
    mkdirSync(dataDirectory);
    await using broker = await startBroker({
      dataDirectory,
      configuration: { max_offline_messages: -1, max_online_messages: -1 },
    });
    const session = { clientId: "away", clean: false } as const;
    const away = await RawClient.connect(broker.port, session);
    await away.subscribe("full/#", 1);
    await away.disconnect();
    const online = await RawClient.connect(broker.port, { clientId: "online" });
    await online.subscribe("free", 0);

    // Somebody fills the disk but for a little.
    const filler = join(directory, "filler");
    const { bavail, bsize } = statfsSync(directory);
    writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 3_000_000)));

    const acknowledged: number[] = [];
    let sent = 0;
    let publisher: RawClient | undefined;
    const payload = "x".repeat(2000);
    const send = async (forMs: number): Promise<boolean> => {
      publisher ??= await RawClient.connect(broker.port, { version: 5, clientId: "publisher" });
      const number = sent++;
      try {
        publisher.send({
          cmd: "publish",
          topic: "full/t",
          payload: `${number} ${payload}`,
          qos: 1,
          id: (number % 60_000) + 1,
        });
        const answer = await publisher.next(forMs);
        if (answer?.cmd === "puback") {
          if (answer.code < 0x80) acknowledged.push(number);
          return answer.code < 0x80;
        }
      } catch {
        // No answer: it is not stored.
      }
      publisher.destroy();
      publisher = undefined;
      return false;
    };
    let full = false;
    for (let i = 0; i < 20_000 && !full; i++) full = !(await send(2_000));
    assert.ok(full, "the disk became full");

    // QoS 0 goes on, and so do new clients.
    const other = await RawClient.connect(broker.port, { clientId: "other" });
    await other.publish("free", "still here");
    await online.expect("publish", { payload: "still here" });

    rmSync(filler);
    const end = performance.now() + 30_000;
    let again = false;
    while (!again && performance.now() < end) {
      again = await send(2_000);
      if (!again) await delay(100);
    }
    assert.ok(again, "it stores again by itself when there is room");

    // And everything acknowledged is there, also for a broker that starts from the disk alone.
    await broker.kill();
    await broker.restart();
    const back = await RawClient.connect(broker.port, session);
    assert.equal(back.connack?.sessionPresent, true);
    const got = new Set<number>();
    const last = await RawClient.connect(broker.port, { clientId: "last" });
    await last.publish("full/t", "end", { qos: 1 });
    for (;;) {
      const text = Buffer.from((await back.receive()).payload).toString();
      if (text === "end") break;
      got.add(Number.parseInt(text, 10));
    }
    last.destroy();
    assert.deepEqual(
      acknowledged.filter((number) => !got.has(number)),
      [],
    );
    back.destroy();
    online.destroy();
    other.destroy();
    publisher?.destroy();
  } finally {
    await run("umount", ["-l", directory]);
    removeDirectory(directory);
  }
});
