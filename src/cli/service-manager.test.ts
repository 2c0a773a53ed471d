import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { HealthWatch } from "./health-watch.ts";
import { connectServiceManager, noServiceManager, type ServiceManager } from "./service-manager.ts";

const linux = { skip: process.platform === "linux" ? false : "systemd is a part of Linux" };

describe("the service manager", linux, () => {
  let directory = "";
  let relays: ChildProcess[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-service-"));
    relays = [];
  });
  afterEach(() => {
    for (const relay of relays) relay.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  const said = (): string[] => readFileSync(join(directory, "said"), "utf8").trimEnd().split("\n");

  /** A relay that writes down what it is told. */
  function relay(env: Record<string, string>): ChildProcess {
    const child = spawn("/bin/sh", ["-c", `exec cat >>"${directory}/said"`], {
      env,
      stdio: ["pipe", "ignore", "ignore"],
    });
    relays.push(child);
    return child;
  }

  it("is nobody without NOTIFY_SOCKET", () => {
    assert.equal(connectServiceManager({}), noServiceManager);
    assert.equal(connectServiceManager({ NOTIFY_SOCKET: "" }), noServiceManager);
  });

  it("is told by one long-lived process", async () => {
    const manager = connectServiceManager({ NOTIFY_SOCKET: "/x", WATCHDOG_USEC: "30000000" }, relay);
    assert.equal(manager.watchdogMs, 30_000);
    manager.status("two\nlines");
    manager.status("two\nlines");
    manager.ready();
    manager.alive();
    manager.stopping();
    const [only, ...more] = relays;
    assert.ok(only !== undefined && more.length === 0);
    const ended = once(only, "exit");
    manager.close();
    await ended;
    assert.deepEqual(said(), [
      `MAINPID=${process.pid}`,
      "STATUS=two lines",
      "READY=1",
      "WATCHDOG=1",
      "STOPPING=1",
    ]);
    manager.alive();
    assert.equal(relays.length, 1);
  });

  it("gets another process when the first one has died, but not without end", async () => {
    const manager = connectServiceManager({ NOTIFY_SOCKET: "/x" }, relay);
    for (let turn = 0; turn < 12; turn++) {
      const last = relays.at(-1);
      if (last !== undefined && last.exitCode === null && last.signalCode === null) {
        const ended = once(last, "exit");
        last.kill("SIGKILL");
        await ended;
      }
      manager.ready();
    }
    assert.equal(relays.length, 10);
    manager.close();
  });

  it("gets its lines through systemd-notify", async () => {
    writeFileSync(
      join(directory, "systemd-notify"),
      `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>"${directory}/said"\necho "$$" >>"${directory}/done"\n`,
      { mode: 0o755 },
    );
    const env = { NOTIFY_SOCKET: "/run/notify", PATH: `${directory}:${process.env.PATH ?? ""}` };
    const script = `
      import { connectServiceManager } from ${JSON.stringify(join(import.meta.dirname, "service-manager.ts"))};
      const manager = connectServiceManager(process.env);
      manager.status("a $(b) 'c' \\"d\\" \\\\ e");
      manager.ready();
      manager.close();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { env, stdio: "inherit" });
    assert.deepEqual(await once(child, "exit"), [0, null]);
    const end = performance.now() + 10_000;
    const count = (): number => {
      try {
        return readFileSync(join(directory, "done"), "utf8").trimEnd().split("\n").length;
      } catch {
        return 0;
      }
    };
    while (count() < 3 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    const [first, ...rest] = said();
    assert.equal(first, `/run/notify MAINPID=${child.pid}`);
    assert.deepEqual(rest, [`/run/notify STATUS=a $(b) 'c' "d" \\ e`, "/run/notify READY=1"]);
  });
});

describe("the health watch", () => {
  function watched(watchdogMs: number | undefined) {
    const calls: string[] = [];
    const manager: ServiceManager = {
      ...noServiceManager,
      watchdogMs,
      alive: () => calls.push("alive"),
      status: (text) => calls.push(text),
    };
    const pool: (() => void)[] = [];
    let time = 0;
    const watch = new HealthWatch({
      manager,
      describe: () => "serving",
      askPool: (done) => pool.push(done),
      now: () => time,
    });
    watch.stop();
    const take = (): string[] => calls.splice(0);
    return { watch, pool, take, pass: (ms: number) => (time += ms) };
  }

  it("feeds the watchdog while the pool does its jobs", () => {
    const { watch, pool, take, pass } = watched(30_000);
    assert.deepEqual(take(), ["alive", "serving"]);
    assert.equal(pool.length, 1);
    pass(10_000);
    watch.check();
    assert.equal(pool.length, 1, "one job at a time");
    assert.deepEqual(take(), ["alive", "serving"]);
    pool.pop()?.();
    watch.check();
    assert.equal(pool.length, 1);
  });

  it("stops feeding it when the pool has been silent for two minutes, and goes on when it answers", () => {
    const { watch, pool, take, pass } = watched(30_000);
    take();
    pass(119_999);
    watch.check();
    assert.deepEqual(take(), ["alive", "serving"]);
    pass(1);
    watch.check();
    assert.deepEqual(take(), ["not well: the threads for the disk have not answered for 120 s"]);
    pool.pop()?.();
    watch.check();
    assert.deepEqual(take(), ["alive", "serving"]);
  });

  it("only tells the status where there is no watchdog", () => {
    assert.deepEqual(watched(undefined).take(), ["serving"]);
  });

  it("looks three times within the time of the watchdog", (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    let alive = 0;
    const manager = { ...noServiceManager, watchdogMs: 3000, alive: () => void alive++ };
    const watch = new HealthWatch({ manager, describe: () => "", askPool: mock.fn() });
    context.mock.timers.tick(3000);
    assert.equal(alive, 4);
    watch.stop();
  });
});
