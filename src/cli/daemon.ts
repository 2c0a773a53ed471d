import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isSea } from "node:sea";
import { setTimeout as delay } from "node:timers/promises";
import { askInfo, NotRespondingError, NotRunningError, request } from "../admin/control-client.ts";
import { makeDirectory } from "../files/make-directory.ts";
import { openFilesLimit, openFilesWarning } from "./open-files.ts";
import { type Places, placeArguments } from "./places.ts";
import { ask, complainNotResponding } from "./presence.ts";

const POLL_MS = 25;
/** After a node has not answered already: to tell whether somebody listens at all. */
const SILENCE_MS = 200;
/** A node that has not ended this long after it was told to is reported. */
const STOP_TIMEOUT_MS = 600_000;

function startTimeout(): number {
  const seconds = Number(process.env.WAIT_FOR_ERLANG ?? "15");
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 15;
}

/** `vernemq start`: a node in the background. Resolves when it serves, or does not. */
export async function start(where: Places, mainFile: string): Promise<number> {
  if ((await ask(where)) !== undefined) {
    process.stderr.write("Node is already running!\n");
    return 1;
  }
  process.stderr.write(openFilesWarning(openFilesLimit()));
  // What the process says before its log is open, and what the runtime says about its death.
  const outputFile = join(where.directories.log, "startup.out");
  let output: number;
  try {
    makeDirectory(where.directories.log, 0o750);
    output = openSync(outputFile, "w", 0o640);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Unable to write to the log directory ${where.directories.log}: ${reason}\n`);
    return 1;
  }
  const runtimeArguments = isSea() ? [] : [...process.execArgv, mainFile];
  const argv = [...runtimeArguments, "vernemq", "foreground", ...placeArguments(where)];
  const child = spawn(process.execPath, argv, {
    detached: true,
    env: { ...process.env, VERNEMQ_BACKGROUND: "1" },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const outcome = await waitUntilServing(child, where, startTimeout());
  if (outcome === "serving") {
    child.unref();
    return 0;
  }
  if (outcome === "ended") {
    process.stderr.write(lastWords(outputFile, child));
    process.stderr.write("vernemq failed to start\n");
    return 1;
  }
  process.stderr.write(
    `vernemq failed to start within ${startTimeout()} seconds,\n` +
      "see the output of 'vernemq console' for more information.\n" +
      "If you want to wait longer, set the environment variable\n" +
      "WAIT_FOR_ERLANG to the number of seconds to wait.\n",
  );
  child.unref();
  return 1;
}

/** What a process said that ended. It can say nothing where there is no room for it, or when it was told to end. */
function lastWords(outputFile: string, { exitCode, signalCode }: ChildProcess): string {
  const words = readFileSync(outputFile, "utf8");
  if (words !== "") return words;
  if (exitCode === 0) return "It was told to stop before it served.\n";
  if (signalCode !== null) return `It was ended by ${signalCode}.\n`;
  return `The reason is not in ${outputFile}; is its file system full? \`vernemq foreground\` shows it.\n`;
}

async function waitUntilServing(
  child: ChildProcess,
  where: Places,
  seconds: number,
): Promise<"serving" | "ended" | "late"> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  child.once("exit", end).once("error", end);
  const deadline = Date.now() + seconds * 1000;
  while (!ended && Date.now() < deadline) {
    const info = await ask(where);
    if (info?.pid === child.pid && info?.state === "running") return "serving";
    await delay(POLL_MS);
  }
  return ended ? "ended" : "late";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Ended, but its parent has not asked for its status yet (a container without an init process). */
function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The process that holds the control socket, as the pid file has it, of a node that does not answer. */
async function silentProcess({ directories }: Places): Promise<number | undefined> {
  try {
    await askInfo(directories.run, SILENCE_MS);
    return undefined;
  } catch (error) {
    if (!(error instanceof NotRespondingError)) return undefined;
  }
  try {
    const pid = Number.parseInt(readFileSync(join(directories.run, "vernemq.pid"), "utf8"), 10);
    return pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** `vernemq stop`: resolves when the process has ended. */
export async function stop(where: Places): Promise<number> {
  const info = await ask(where);
  if (info === undefined) {
    await complainNotResponding(where);
    const pid = await silentProcess(where);
    process.stderr.write(
      pid === undefined
        ? "Node is not running!\n"
        : `Its process ${pid} is there and does not answer; kill -9 ${pid} ends it, and nothing acknowledged is lost.\n`,
    );
    return 1;
  }
  try {
    for await (const frame of request(where.directories.run, { request: "stop" }))
      if (frame.frame === "exit") break;
  } catch (error) {
    // It may have ended in between, which is what we want.
    if (!(error instanceof NotRunningError)) throw error;
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isAlive(info.pid)) {
    if (Date.now() > deadline) {
      process.stderr.write(`Node '${info.node}' (process id ${info.pid}) does not end.\n`);
      return 1;
    }
    await delay(POLL_MS);
  }
  process.stdout.write("ok\n");
  return 0;
}

/** `vernemq restart`: stops the node if it runs, and starts it. */
export async function restart(where: Places, mainFile: string): Promise<number> {
  if ((await ask(where)) !== undefined) {
    const status = await stop(where);
    if (status !== 0) return status;
  }
  return start(where, mainFile);
}
