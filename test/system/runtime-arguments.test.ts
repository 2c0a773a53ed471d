/** How the runtime inside an executable is set: made with a small program that tells. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { platformNamed } from "../../scripts/build/platform.ts";
import { baseBinary, generatorRuntime } from "../../scripts/build/runtime.ts";
import { makeExecutable } from "../../scripts/build/sea.ts";
import { temporaryDirectory } from "../support/processes.ts";
import { runBare } from "./support/bare-process.ts";
import { memoryLimit, pretendedGroup } from "./support/memory-limit.ts";
import { missing } from "./support/requirements.ts";

const root = dirname(dirname(import.meta.dirname));

const PROGRAM = `
const v8 = require("node:v8");
const sea = require("node:sea");
const memory = Math.min(require("node:os").totalmem(), process.constrainedMemory() || Infinity);
process.once("SIGUSR1", () => {});
console.log(JSON.stringify({
  flags: process.execArgv,
  heap: v8.getHeapStatistics().heap_size_limit / memory,
  constrained: process.constrainedMemory(),
  asset: sea.getAsset("hello", "utf8"),
  words: process.argv.slice(2),
}));`;

/** Bytes; a whole number of pages. */
const LIMIT = 1024 * 1024 * 1024;

interface Told {
  readonly flags: readonly string[];
  /** The limit of the heap as a part of the memory there is. */
  readonly heap: number;
  /** What the runtime takes for the limit of the control group, bytes. */
  readonly constrained: number;
  readonly asset: string;
  readonly words: readonly string[];
}

describe("an executable", () => {
  const directory = temporaryDirectory();
  const output = join(directory, "bin/program");
  const run = async (program: string, argv: readonly string[], env = {}): Promise<Told> => {
    const { status, stdout, stderr } = await runBare(program, argv, { env });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  const ask = (argv: readonly string[], env: Record<string, string> = {}): Promise<Told> =>
    run(output, argv, env);
  const askIn = ([program, ...words]: readonly [string, ...string[]]): Promise<Told> =>
    run(program, [...words, output]);

  before(() => {
    const platform = platformNamed(root);
    writeFileSync(join(directory, "program.js"), PROGRAM);
    writeFileSync(join(directory, "hello.txt"), "hello\n");
    makeExecutable({
      platform,
      base: baseBinary(root, platform),
      generator: generatorRuntime(root, platform.version),
      main: join(directory, "program.js"),
      assets: { hello: join(directory, "hello.txt") },
      output,
      scratch: join(directory, "scratch"),
    });
  });

  it("starts its runtime with a small young generation, half of the memory, and no debugger on a signal", async () => {
    const told = await ask(["a", "--b"]);
    assert.deepEqual(told.flags, [
      "--max-semi-space-size=16",
      "--min-semi-space-size=8",
      "--max-old-space-size-percentage=50",
      "--disable-sigusr1",
    ]);
    // The young generation comes on top, which is much only where memory is little.
    assert.ok(told.heap > 0.45 && told.heap < 0.7, `${told.heap} of the memory`);
    assert.deepEqual(told.words, ["a", "--b"]);
    assert.equal(told.asset, "hello\n");
  });

  it("is not moved by the environment of another program, but by an argument", async () => {
    const { heap } = await ask([], { NODE_OPTIONS: "--max-old-space-size-percentage=10" });
    assert.ok(heap > 0.45, `${heap} of the memory`);
    const told = await ask(["--node-options=--max-old-space-size-percentage=10", "a"]);
    assert.ok(told.heap < 0.35, `${told.heap} of the memory`);
    assert.deepEqual(told.words, ["a"]);
  });

  it("gives the heap half of what its control group may have (MemoryMax= of a service)", async (context) => {
    const limit = memoryLimit(LIMIT);
    if (typeof limit === "string") return context.skip(limit);
    context.after(() => limit.done());
    const { constrained, heap } = await askIn(limit.command);
    assert.equal(constrained, LIMIT);
    assert.ok(heap > 0.45 && heap < 0.6, `${heap} of the limit`);
  });

  for (const [name, group, expected] of [
    ["a service of systemd", { path: "/system.slice/vernemq.service", max: `${LIMIT}`, high: "max" }, LIMIT],
    ["a container", { path: "/", max: `${LIMIT}`, high: "max" }, LIMIT],
    ["a service with MemoryHigh=", { path: "/a/b", max: `${LIMIT}`, high: `${LIMIT / 2}` }, LIMIT / 2],
  ] as const) {
    it(`does so in control groups of the second version: ${name}`, {
      skip: missing({ root: true, commands: ["unshare", "mount"] }),
    }, async () => {
      const { constrained, heap } = await askIn(pretendedGroup(group));
      assert.equal(constrained, expected);
      assert.ok(heap > 0.49 && heap < 0.62, `${heap} of the limit`);
    });
  }

  it("gives it half of the machine's memory in a group without a limit", {
    skip: missing({ root: true, commands: ["unshare", "mount"] }),
  }, async () => {
    const { heap } = await askIn(pretendedGroup({ path: "/", max: "max", high: "max" }));
    assert.ok(heap > 0.45 && heap < 0.6, `${heap} of the memory`);
  });
});
