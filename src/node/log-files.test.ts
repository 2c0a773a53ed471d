import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { load } from "../config/load-test-support.ts";
import { createLogger, type RootLogger } from "../log/logger.ts";
import { logOptions } from "./log-options.ts";

const MIDDAY = new Date(2026, 10, 22, 12).getTime();
const DAY = 86_400_000;

/** A log as these lines of vernemq.conf want it, in a folder of its own and at a time that is set by hand. */
function setUp(context: TestContext, ...lines: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "vernemq-log-files-"));
  const clock = { time: MIDDAY, now: () => clock.time };
  const configuration = load(context, lines.join("\n"), { given: { log: folder } });
  const log = createLogger(logOptions(configuration), clock);
  context.after(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });
  return {
    log,
    clock,
    files: (name: string) =>
      readdirSync(folder)
        .filter((file) => file.startsWith(name))
        .sort(),
    read: (name: string) => readFileSync(join(folder, name)),
  };
}

/** Writes so many lines or reports, each in a write of its own. */
async function write(log: RootLogger, kind: "error" | "crash", count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    if (kind === "error") log.error("test", `line ${number} ${"x".repeat(600)}`);
    else log.crash("test", `report ${number}`, new Error("x".repeat(600)));
    await log.flush();
  }
}

describe("the error log", () => {
  it("is rotated at log.error.rotation.size; .keep older ones stay", async (context) => {
    const { log, files, read } = setUp(
      context,
      "log.error.rotation.size = 1KB",
      "log.error.rotation.keep = 2",
    );
    await write(log, "error", 5);
    assert.deepEqual(files("error.log"), ["error.log", "error.log.0", "error.log.1"]);
    assert.match(read("error.log").toString(), /^[^\n]*line 5 x+\n$/);
    assert.match(read("error.log.1").toString(), /^[^\n]*line 3 x+\n$/);
  });

  it("is not rotated without a size", async (context) => {
    const { log, files } = setUp(context);
    await write(log, "error", 5);
    assert.deepEqual(files("error.log"), ["error.log"]);
  });

  it("is compressed with log.error.rotation.compress_on_rotate", async (context) => {
    const { log, files, read } = setUp(
      context,
      "log.error.rotation.size = 1KB",
      "log.error.rotation.compress_on_rotate = on",
    );
    await write(log, "error", 2);
    assert.deepEqual(files("error.log"), ["error.log", "error.log.0.gz"]);
    assert.match(gunzipSync(read("error.log.0.gz")).toString(), /line 1 x+\n$/);
  });

  it("is JSON with log.error.file.format, and lies where log.error.file says", async (context) => {
    const { log, read } = setUp(context, "log.error.file.format = json", "log.error.file = ./log/mine.log");
    await write(log, "error", 1);
    assert.equal(JSON.parse(read("mine.log").toString()).level, "error");
  });
});

describe("the crash log", () => {
  it("lies where log.crash.file says, and is not there with log.crash = off", async (context) => {
    const own = setUp(context, "log.crash.file = ./log/mine.log");
    await write(own.log, "crash", 1);
    assert.match(own.read("mine.log").toString(), /report 1: Error: x+\n {4}at /);
    const off = setUp(context, "log.crash = off", "log.crash.file = ./log/mine.log");
    await write(off.log, "crash", 1);
    assert.deepEqual(off.files("mine"), []);
  });

  it("is rotated by size, under the old name of the option too", async (context) => {
    for (const key of ["log.crash.rotation.size", "log.crash.size"]) {
      const { log, files } = setUp(context, `${key} = 1KB`, "log.crash.rotation.keep = 1");
      await write(log, "crash", 4);
      assert.deepEqual(files("crash.log"), ["crash.log", "crash.log.0"], key);
    }
  });

  it("is compressed with log.crash.rotation.compress_on_rotate", async (context) => {
    const { log, files, read } = setUp(
      context,
      "log.crash.rotation.size = 1KB",
      "log.crash.rotation.compress_on_rotate = on",
    );
    await write(log, "crash", 2);
    assert.deepEqual(files("crash.log"), ["crash.log", "crash.log.0.gz"]);
    assert.match(gunzipSync(read("crash.log.0.gz")).toString(), /report 1/);
  });

  it("is rotated at the times of log.crash.rotation, at midnight unless that is set", async (context) => {
    for (const [lines, atMidnight, atSix] of [
      [[], 2, 2],
      [["log.crash.rotation = $D6"], 1, 2],
      [["log.crash.rotation = ''"], 1, 1],
    ] as const) {
      const { log, clock, files } = setUp(context, ...lines);
      await write(log, "crash", 1);
      clock.time = MIDDAY + DAY / 2 + 60_000;
      await write(log, "crash", 1);
      assert.equal(files("crash.log").length, atMidnight, `${lines}`);
      clock.time = MIDDAY + DAY / 2 + 6 * 3_600_000 + 60_000;
      await write(log, "crash", 1);
      assert.equal(files("crash.log").length, atSix, `${lines}`);
    }
  });
});
