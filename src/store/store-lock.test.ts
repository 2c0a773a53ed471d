import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { directories, files, fill, flip, Lines, open } from "./store-damage-test-support.ts";
import { StoreLock } from "./store-lock.ts";

const CHILD = fileURLToPath(new URL("store-lock-test-support.ts", import.meta.url));
const freshDirectory = directories();

/** A process that opens the store; see store-lock-test-support.ts. */
class Opener {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #text = "";

  constructor(directory: string, what = "open") {
    this.#process = spawn(process.execPath, [CHILD, directory, what], { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = once(this.#process, "close");
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
      this.#process.emit("said");
    });
  }

  /** Resolves when it has said that, or has ended. */
  async said(word: string): Promise<void> {
    while (!this.#text.includes(word) && this.#process.exitCode === null)
      await Promise.race([once(this.#process, "said"), this.#ended]);
  }

  /** Lets it mend; what it has said in the end. */
  async goOn(): Promise<readonly string[]> {
    this.#process.stdin?.end("\n");
    await this.#ended;
    return this.#text.trimEnd().split("\n");
  }

  kill(): Promise<unknown> {
    this.#process.kill("SIGKILL");
    return this.#ended;
  }
}

/** A store that is damaged after a crash. */
async function damagedStore(): Promise<string> {
  const directory = freshDirectory();
  await fill(directory, 400);
  await rm(join(directory, "closed.json"));
  const [table = ""] = await files(directory, /\.ldb$/);
  await flip(join(directory, table), 1000);
  return directory;
}

describe("two processes on one store", () => {
  it("one that has found damage mends it, the other one is refused meanwhile and has touched nothing", async () => {
    const directory = await damagedStore();
    const first = new Opener(directory);
    await first.said("inspected");
    const names = await readdir(directory);
    const second = new Opener(directory);
    await second.said("refused");
    const said = await second.goOn();
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /^refused: the message store in \S+ is in use by another broker: /);
    assert.deepEqual(await readdir(directory), names);
    assert.deepEqual(await first.goOn(), ["inspected", "mended", "opened"]);
    const lines = new Lines();
    await (await open(directory, lines)).close();
    assert.equal(lines.has(/checksum|repaired|mended/), false);
  });

  it("started at the same moment: one opens it, and only that one mends", async () => {
    for (let round = 0; round < 3; round++) {
      const directory = await damagedStore();
      const openers = [new Opener(directory), new Opener(directory)];
      const said = await Promise.all(openers.map((opener) => opener.goOn()));
      const mended = said.filter((lines) => lines.includes("mended"));
      assert.equal(mended.length, 1, JSON.stringify(said));
      assert.deepEqual(mended[0], ["inspected", "mended", "opened"]);
    }
  });

  it("the copy of a damaged store does not give the lock up", async () => {
    const directory = await damagedStore();
    const store = await open(directory);
    const copies = (await readdir(join(directory, ".."))).filter((name) =>
      name.startsWith("msgstore.damaged-"),
    );
    assert.equal(copies.length, 1);
    assert.deepEqual(await new Opener(directory, "lock").goOn(), ["refused: Database failed to open"]);
    await store.close();
    assert.deepEqual(await new Opener(directory, "lock").goOn(), ["locked"]);
  });

  it("a process that dies while it mends leaves no lock behind", async () => {
    const directory = await damagedStore();
    const first = new Opener(directory);
    await first.said("inspected");
    await first.kill();
    assert.deepEqual(await new Opener(directory).goOn(), ["inspected", "mended", "opened"]);
  });
});

describe("the lock", () => {
  it("is made anew when its files are damaged", async () => {
    const directory = freshDirectory();
    await (await open(directory)).close();
    const folder = join(directory, "lock");
    for (const name of await readdir(folder)) {
      if (name !== "LOCK")
        await writeFile(join(folder, name), Buffer.alloc((await stat(join(folder, name))).size, 0x41));
    }
    const lock = await StoreLock.take(directory);
    await assert.rejects(StoreLock.take(directory));
    await lock.release();
    await truncate(join(folder, "CURRENT"), 0);
    await (await open(directory)).close();
  });
});
