import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { createLogger, type RootLogger } from "./logger.ts";
import type { LogOptions } from "./options.ts";

const NEVER = { size: Number.POSITIVE_INFINITY, keep: 5, compress: false, time: undefined };

describe("the log of a node", () => {
  let directory = "";
  let now = Date.UTC(2026, 10, 22, 8, 24, 48, 446);
  const clock = { now: () => now };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-log-"));
    now = Date.UTC(2026, 10, 22, 8, 24, 48, 446);
  });
  const loggers: RootLogger[] = [];
  function opened(...args: Parameters<typeof createLogger>): RootLogger {
    const log = createLogger(...args);
    loggers.push(log);
    return log;
  }
  afterEach(async () => {
    for (const log of loggers.splice(0)) await log.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const path = (name: string): string => join(directory, name);
  const read = (name: string): string => readFileSync(path(name), "utf8");

  function options(changes: Partial<LogOptions> = {}): LogOptions {
    return {
      level: "debug",
      console: {
        target: "file",
        level: "info",
        format: "text",
        file: { path: path("console.log"), format: "text", rotation: NEVER },
      },
      error: { path: path("error.log"), format: "text", rotation: NEVER },
      crash: undefined,
      ...changes,
    };
  }

  it("writes one line per entry, errors in the error file too, and nothing below the level", async () => {
    const log = opened(options(), clock);
    log.debug("hidden", "not to be seen");
    log.info("client_connected", "client c1 connected");
    log.error("store_failed", "disk is full");
    await log.flush();
    const info = "2026-11-22T08:24:48.446Z [info] client c1 connected\n";
    const error = "2026-11-22T08:24:48.446Z [error] disk is full\n";
    assert.equal(read("console.log"), info + error);
    assert.equal(read("error.log"), error);
    assert.equal(log.enabled("debug"), false);
    assert.equal(log.enabled("info"), true);
  });

  it("escapes what a terminal would act on and cuts endless messages", async () => {
    const log = opened(options(), clock);
    log.info("x", "id \u001b[31mred\r\n2026 [error] forged \u202e\u0000");
    log.info("x", "a".repeat(100_000));
    await log.flush();
    const [first, second] = read("console.log").split("\n");
    assert.equal(
      first,
      "2026-11-22T08:24:48.446Z [info] id \\u{1b}[31mred\\r\\n2026 [error] forged \\u{202e}\\u{0}",
    );
    assert.match(second ?? "", /a… \(91808 characters cut\)$/);
  });

  it("writes JSON lines when asked", async () => {
    const base = options();
    const log = opened(
      { ...base, console: { ...base.console, file: { ...base.console.file, format: "json" } } },
      clock,
    );
    log.warning("plugin", 'says "no"');
    await log.flush();
    assert.deepEqual(JSON.parse(read("console.log")), {
      time: "2026-11-22T08:24:48.446Z",
      level: "warning",
      event: "plugin",
      message: 'says "no"',
    });
  });

  it("lays lines out as the template says and cuts long crash reports", async () => {
    const log = opened(options({ template: "simple", maximumCrashReport: 20 }), clock);
    log.info("x", "hello");
    log.crash("x", "failed", new Error("y".repeat(100)));
    await log.flush();
    assert.match(read("console.log"), /^2026-11-22T08:24:48\.446Z info: hello\n/);
    assert.match(read("error.log"), /Z error: failed: Error: y{13}… \(\d+ characters cut\)\n$/);
  });

  it("puts a crash with its stack in the crash file, or in the error file when that is off", async () => {
    const log = opened(
      options({ crash: { path: path("crash.log"), format: "text", rotation: NEVER } }),
      clock,
    );
    log.crash("connection_crashed", "connection of c1 closed", new TypeError("x is undefined"));
    await log.flush();
    assert.equal(
      read("error.log"),
      "2026-11-22T08:24:48.446Z [error] connection of c1 closed: TypeError: x is undefined\n",
    );
    assert.match(read("crash.log"), /closed: TypeError: x is undefined\n {4}at /);
    const other = opened({ ...options(), crash: undefined }, clock);
    other.crash("connection_crashed", "second", new Error("again"));
    await other.flush();
    assert.match(read("error.log"), /second: Error: again\n {4}at /);
    assert.doesNotMatch(read("console.log"), / {4}at /);
  });

  it("limits lines per second and kind and tells how many were left out", async () => {
    const log = opened(options(), clock);
    const limited = log.limited("refused", 2);
    for (let i = 0; i < 10; i++) limited.info("refused", `attempt ${i}`);
    now += 1000;
    limited.info("refused", "attempt 10");
    await log.flush();
    assert.deepEqual(
      read("console.log")
        .trimEnd()
        .split("\n")
        .map((line) => line.slice(25)),
      [
        "[info] attempt 0",
        "[info] attempt 1",
        "[warning] 8 more lines of kind refused were left out",
        "[info] attempt 10",
      ],
    );
    assert.equal(log.limited("refused", 2), limited);
  });

  it("goes on when the file cannot be written and says what was lost once it can", async () => {
    writeFileSync(path("logs"), "a file where the directory should be");
    const base = options({ error: undefined });
    const file = { path: path("logs/console.log"), format: "text" as const, rotation: NEVER };
    const log = opened({ ...base, console: { ...base.console, file } }, clock);
    log.info("x", "one");
    log.info("x", "two");
    await log.flush();
    assert.equal(log.dropped, 2);
    rmSync(path("logs"));
    log.info("x", "three");
    await log.flush();
    assert.match(read("logs/console.log"), /2 log lines were lost: .*\n.* three\n$/);
  });

  it("drops lines beyond its memory limit and counts them", async () => {
    const log = opened(options({ error: undefined }), clock);
    for (let i = 0; i < 1000; i++) log.info("x", "y".repeat(8000));
    await log.flush();
    assert.ok(log.dropped > 400 && log.dropped < 600, `${log.dropped}`);
    log.info("x", "after");
    await log.flush();
    const lines = read("console.log").trimEnd().split("\n");
    assert.match(lines[0] ?? "", / \d+ log lines were lost: /);
    assert.match(lines.at(-1) ?? "", / after$/);
  });

  it("rotates by size, keeps N and compresses", async () => {
    const base = options({ error: undefined });
    const rotation = { size: 100, keep: 2, compress: true, time: undefined };
    const log = opened(
      { ...base, console: { ...base.console, file: { ...base.console.file, rotation } } },
      clock,
    );
    for (let i = 0; i < 4; i++) {
      log.info("x", `number ${i} ${"z".repeat(40)}`);
      await log.flush();
    }
    assert.match(read("console.log"), /number 3/);
    assert.match(gunzipSync(readFileSync(path("console.log.0.gz"))).toString(), /number 2/);
    assert.match(gunzipSync(readFileSync(path("console.log.1.gz"))).toString(), /number 1/);
    assert.equal(existsSync(path("console.log.2.gz")), false);
  });

  it("rotates at its time of the day", async () => {
    const base = options({ error: undefined });
    const rotation = { ...NEVER, time: { every: "day", hour: 0 } } as const;
    const log = opened(
      { ...base, console: { ...base.console, file: { ...base.console.file, rotation } } },
      clock,
    );
    log.info("x", "first day");
    await log.flush();
    now += 1000;
    log.info("x", "the same day");
    await log.flush();
    now += 86_400_000;
    log.info("x", "the next day");
    await log.flush();
    assert.match(read("console.log.0"), /first day\n.*the same day\n$/);
    assert.match(read("console.log"), /the next day\n$/);
    assert.doesNotMatch(read("console.log"), /first day/);
  });

  it("opens the file again on request, and by itself when it has been moved away", async () => {
    const log = opened(options(), clock);
    log.info("x", "one");
    await log.flush();
    renameSync(path("console.log"), path("moved-1"));
    log.reopen();
    log.info("x", "two");
    await log.flush();
    assert.match(read("console.log"), /two/);
    mkdirSync(path("away"));
    renameSync(path("console.log"), path("away/moved-2"));
    now += 2000;
    log.info("x", "three");
    await log.flush();
    assert.match(read("console.log"), /three/);
    assert.match(read("away/moved-2"), /two/);
  });

  it("writes the last words of a process before it returns", () => {
    const log = opened(options(), clock);
    log.critical("fatal", "the end");
    log.flushSync();
    assert.match(read("console.log"), /\[critical\] the end\n$/);
    assert.match(read("error.log"), /\[critical\] the end\n$/);
  });
});
