import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fakePorts } from "../admin/admin-test-support.ts";
import { createLogger } from "../log/logger.ts";
import { runForeground } from "./foreground.ts";
import { installation } from "./installation.ts";
import { places } from "./places.ts";
import type { StartNode } from "./running-node.ts";
import { processSignals } from "./signals.ts";

/*
 * A process that behaves like `vernemq foreground` with a node that serves nobody: what the tests of the command line
 * start. Called as `node-test-support.ts vernemq foreground --conf ... --run-dir ...`. TEST_NODE_FAILS makes the start fail,
 * TEST_NODE_STAYS its end.
 */

/** Starts a node that consists of fake ports and a log in its log directory. */
export const startTestNode: StartNode = ({ directories, env, writeLog }) => {
  if (env.TEST_NODE_FAILS !== undefined) {
    const failure = Object.assign(new Error("configuration"), { lines: ["error: first", "error: second"] });
    return Promise.reject(failure);
  }
  const file = {
    path: join(directories.log, "console.log"),
    format: "text" as const,
    rotation: { size: Number.POSITIVE_INFINITY, time: undefined, keep: 5, compress: false },
  };
  const log = createLogger({
    level: "debug",
    console: {
      target: writeLog === undefined ? "file" : "both",
      level: "info",
      format: "text",
      file,
      ...(writeLog && { write: writeLog }),
    },
    error: undefined,
    crash: undefined,
  });
  log.info("node_started", "the node serves");
  return Promise.resolve({
    ports: fakePorts(),
    log,
    reload: () =>
      Promise.resolve({
        changed: ["retry_interval = 30 (was 20)"],
        needRestart: env.TEST_RELOAD_FAILS === undefined ? [] : ["nodename = b (was a)"],
        problems: env.TEST_RELOAD_FAILS === undefined ? [] : ["x is wrong"],
      }),
    stop: (reason) => {
      if (env.TEST_NODE_STAYS !== undefined) return Promise.reject(new Error("the store is gone"));
      log.info("node_stopped", `the node stops: ${reason}`);
      return Promise.resolve();
    },
  });
};

if (import.meta.main) {
  const argv = process.argv.slice(2);
  const option = (name: string): string | undefined => argv[argv.indexOf(name) + 1];
  const where = places(
    { conf: option("--conf"), logDir: option("--log-dir"), runDir: option("--run-dir") },
    process.env,
    installation("/"),
  );
  writeFileSync(join(where.directories.log, "argv"), argv.join(" "));
  const keepAlive = setInterval(() => undefined, 60_000);
  process.exitCode = await runForeground({
    places: where,
    startNode: startTestNode,
    signals: processSignals,
    env: process.env,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  });
  clearInterval(keepAlive);
}
