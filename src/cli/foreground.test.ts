import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { askInfo, request } from "../admin/control-client.ts";
import { type ForegroundOptions, runForeground } from "./foreground.ts";
import { installation } from "./installation.ts";
import { startTestNode } from "./node-test-support.ts";
import { places } from "./places.ts";
import type { ServiceManager } from "./service-manager.ts";
import type { SignalSource } from "./signals.ts";

describe("a node in the foreground", () => {
  let directory = "";
  let stderr = "";
  let stdout = "";
  let events: EventEmitter;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-foreground-"));
    stderr = "";
    stdout = "";
    events = new EventEmitter();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function on(event: string, listener: (...args: unknown[]) => void): () => void {
    events.on(event, listener);
    return () => events.off(event, listener);
  }

  function options(changes: Partial<ForegroundOptions> = {}): ForegroundOptions {
    const signals: SignalSource = {
      onStop: (listener) => on("stop", () => listener("SIGTERM")),
      onReopen: (listener) => on("reopen", () => listener()),
      onCrash: (listener) => on("crash", listener),
    };
    return {
      places: places(
        { conf: join(directory, "none.conf"), logDir: directory, runDir: directory },
        {},
        installation("/"),
      ),
      startNode: startTestNode,
      signals,
      env: {},
      stdout: (text) => {
        stdout += text;
      },
      stderr: (text) => {
        stderr += text;
      },
      ...changes,
    };
  }

  /** Runs a node and resolves once it serves. */
  async function serving(changes: Partial<ForegroundOptions> = {}): Promise<{ ended: Promise<number> }> {
    const served = Promise.withResolvers<void>();
    const ended = runForeground(
      options({
        onServing: () => {
          served.resolve();
          return () => undefined;
        },
        ...changes,
      }),
    );
    await Promise.race([served.promise, ended]);
    return { ended };
  }

  it("ends a start that takes its time when it is told to stop, and one that fails", async () => {
    const begun = Promise.withResolvers<void>();
    const startNode = (): Promise<never> => {
      begun.resolve();
      return new Promise<never>(() => {});
    };
    const ended = runForeground(options({ startNode, startGraceMs: 10 }));
    await begun.promise;
    events.emit("stop");
    assert.equal(await ended, 0);
    assert.match(stderr, /^The node was told to stop while it was starting/);
    const failing = runForeground(options({ startNode: () => Promise.reject(new Error("broken")) }));
    assert.equal(await failing, 1);
    assert.match(stderr, /Error: broken/);
  });

  it("serves until it is told to stop, and leaves neither socket nor pid file", async () => {
    const { ended } = await serving();
    assert.equal((await askInfo(directory))?.state, "running");
    assert.equal(readFileSync(join(directory, "vernemq.pid"), "utf8"), `${process.pid}\n`);
    events.emit("stop");
    assert.equal(await ended, 0);
    assert.equal(existsSync(join(directory, "vernemq.pid")), false);
    assert.equal(await askInfo(directory), undefined);
    assert.equal(stdout + stderr, "");
    assert.deepEqual(events.eventNames(), []);
  });

  it("tells the service manager what it does", async () => {
    const said: string[] = [];
    const serviceManager: ServiceManager = {
      watchdogMs: 30_000,
      ready: () => said.push("ready"),
      status: (text) => said.push(text),
      alive: () => said.push("alive"),
      stopping: () => said.push("stopping"),
      close: () => said.push("closed"),
    };
    const { ended } = await serving({ serviceManager });
    events.emit("stop");
    assert.equal(await ended, 0);
    assert.deepEqual(said, [
      "loading what is stored",
      "alive",
      "0 clients connected; listening on 127.0.0.1:1883",
      "ready",
      "stopping",
      "stopping: SIGTERM",
      "closed",
    ]);
    said.length = 0;
    assert.equal(await runForeground(options({ serviceManager, env: { TEST_NODE_FAILS: "1" } })), 1);
    assert.deepEqual(said, ["loading what is stored", "closed"]);
  });

  it("reads its configuration again when it is told to", async () => {
    const answer = async (): Promise<unknown[]> => {
      const frames: unknown[] = [];
      for await (const frame of request(directory, { request: "reload" })) frames.push(frame);
      return frames;
    };
    const well = await serving();
    assert.deepEqual(await answer(), [
      { frame: "stdout", text: "changed: retry_interval = 30 (was 20)\n" },
      { frame: "exit", status: 0 },
    ]);
    events.emit("stop");
    await well.ended;
    const badly = await serving({ env: { TEST_RELOAD_FAILS: "1" } });
    assert.deepEqual(await answer(), [
      { frame: "stdout", text: "changed: retry_interval = 30 (was 20)\n" },
      { frame: "stderr", text: "a restart is needed for nodename = b (was a)\n" },
      { frame: "stderr", text: "error: x is wrong\n" },
      { frame: "exit", status: 1 },
    ]);
    events.emit("stop");
    await badly.ended;
  });

  it("stops for `vernemq stop`, and when its console is closed", async () => {
    const first = await serving();
    for await (const frame of request(directory, { request: "stop" })) assert.equal(frame.frame, "exit");
    assert.equal(await first.ended, 0);

    let left = false;
    const second = runForeground(
      options({
        onServing: (_admin, name, stop) => {
          assert.equal(name, "VerneMQ@127.0.0.1");
          setImmediate(stop);
          return () => {
            left = true;
          };
        },
      }),
    );
    assert.equal(await second, 0);
    assert.equal(left, true);
  });

  it("refuses to be the second in a run directory", async () => {
    const { ended } = await serving();
    assert.equal(await runForeground(options()), 1);
    assert.match(stderr, /^Node is already running! \(/);
    assert.equal((await askInfo(directory))?.state, "running");
    events.emit("stop");
    assert.equal(await ended, 0);
  });

  it("prints every line of a failed start", async () => {
    assert.equal(await runForeground(options({ env: { TEST_NODE_FAILS: "1" } })), 1);
    assert.equal(stderr, "error: first\nerror: second\n");
    assert.equal(await askInfo(directory), undefined);
  });

  it("says when its run directory cannot be used", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const where = places({ runDir: join(file, "run"), logDir: directory }, {}, installation("/"));
    assert.equal(await runForeground(options({ places: where })), 1);
    assert.match(stderr, /^Unable to access .*file\/run: /);
  });

  it("ends with status 1 when the node cannot stop in order", async () => {
    const { ended } = await serving({ env: { TEST_NODE_STAYS: "1" } });
    events.emit("stop");
    assert.equal(await ended, 1);
    assert.equal(stderr, "The node ended: the store is gone\n");
  });

  it("leaves a report of an unexpected failure", async () => {
    const { ended } = await serving();
    events.emit("crash", new Error("unexpected"));
    assert.match(
      readFileSync(join(directory, "console.log"), "utf8"),
      /the node ends because .*: Error: unexpected/,
    );
    events.emit("stop");
    await ended;
  });

  it("tells a developer where it listens", async () => {
    const { ended } = await serving({ env: { VERNEMQ_DEVELOPMENT: "1" } });
    assert.match(stdout, /mqtt {5}127\.0\.0\.1:1883/);
    assert.match(stdout, /npx mqtt pub -h 127\.0\.0\.1 -p 1883 -t hello\/world -m 'first message'/);
    events.emit("stop");
    await ended;
  });
});
