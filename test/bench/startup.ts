/**
 * How long the built release takes until it accepts connections, and its commands to answer:
 *
 *     npm run build && node test/bench/startup.ts [--rounds 15] [--subscriptions 1000000] [--executable PATH]
 *
 * With --subscriptions a store of that many persistent subscriptions is made first (a thousand of each session). With
 * --executable another one than that of the checkout is measured.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ensureRelease } from "../../scripts/build/release-tree.ts";
import { ask } from "../support/http.ts";
import { freePort, temporaryDirectory } from "../support/processes.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    subscriptions: { type: "string", default: "0" },
    executable: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const root = dirname(dirname(import.meta.dirname));
const executable = values.executable ?? (await ensureRelease(root)).executable;
const directory = temporaryDirectory("vernemq-startup-");
const [port, httpPort] = [await freePort(), await freePort()];
mkdirSync(join(directory, "etc"));
writeFileSync(
  join(directory, "etc/vernemq.conf"),
  `listener.tcp.default = 127.0.0.1:${port}\nlistener.http.default = 127.0.0.1:${httpPort}\nallow_anonymous = on\nlog.console = off\n`,
);
writeFileSync(join(directory, "etc/vmq.acl"), "topic #\n");

const places = [
  ["--conf", "etc/vernemq.conf"],
  ["--data-dir", "data"],
  ["--log-dir", "log"],
  ["--run-dir", "run"],
].flatMap(([option = "", path = ""]) => [option, join(directory, path)]);

async function start(): Promise<{ child: ChildProcess; milliseconds: number }> {
  const begun = performance.now();
  const child = spawn(executable, ["foreground", ...places], { stdio: "ignore" });
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (open) return { child, milliseconds: performance.now() - begun };
    if (child.exitCode !== null) throw new Error(`the broker ended with status ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
}

function report(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const shown = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((time) => time?.toFixed(0));
  console.log(`${name.padEnd(40)} best ${shown[0]} ms, median ${shown[1]} ms, worst ${shown[2]} ms`);
}

function timeCommand(program: string, argv: readonly string[]): number[] {
  return Array.from({ length: rounds }, () => {
    const begun = performance.now();
    const { status, stderr } = spawnSync(program, [...argv, ...places], { encoding: "utf8" });
    if (status !== 0) throw new Error(`${program} ${argv.join(" ")}: ${stderr}`);
    return performance.now() - begun;
  });
}

function memory(child: ChildProcess): string {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return `${(kilobytes / 1024).toFixed(0)} MB`;
}

const PER_SESSION = 1000;
const PER_PACKET = 100;

/** A packet of MQTT 3.1.1 with its length. */
function packet(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** Connects as a persistent session and subscribes; resolves when every SUBACK is there. */
async function subscribe(session: number): Promise<void> {
  const socket: Socket = connect(port, "127.0.0.1");
  const flags = Buffer.from([4, 0, 0, 0]);
  socket.write(packet(0x10, Buffer.concat([text("MQTT"), flags, text(`session-${session}`)])));
  for (let id = 1; id <= PER_SESSION / PER_PACKET; id++) {
    const filters = Array.from({ length: PER_PACKET }, (_, index) =>
      Buffer.concat([text(`site/${session}/device/${id * PER_PACKET + index}/state`), Buffer.from([1])]),
    );
    socket.write(packet(0x82, Buffer.concat([Buffer.from([0, id]), ...filters])));
  }
  // CONNACK, then SUBACKs of a code per filter: fixed header of two bytes, packet id.
  const expected = 4 + (PER_SESSION / PER_PACKET) * (2 + 2 + PER_PACKET);
  let received = 0;
  for await (const chunk of socket) {
    if (!Buffer.isBuffer(chunk)) continue;
    // Nothing else in these answers has that value.
    if (chunk.includes(0x80)) throw new Error("a subscription was refused");
    received += chunk.length;
    if (received >= expected) break;
  }
  socket.destroy();
}

const empty: number[] = [];
const healthy: number[] = [];
for (let round = 0; round < rounds; round++) {
  rmSync(join(directory, "data"), { recursive: true, force: true });
  const { child, milliseconds } = await start();
  empty.push(milliseconds);
  const asked = performance.now();
  await ask(httpPort, "/health");
  healthy.push(performance.now() - asked);
  await stop(child);
}
report("exec to accepting, no data", empty);
report("first answer over HTTP after that", healthy);

const subscriptions = Number(values.subscriptions);
const { child: running } = await start();
console.log(`${"resident memory, nothing connected".padEnd(40)} ${memory(running)}`);
report("vernemq ping", timeCommand(executable, ["ping"]));
report("vmq-admin session show", timeCommand(executable, ["vmq-admin", "session", "show"]));
if (subscriptions > 0) {
  for (let session = 0; session < subscriptions / PER_SESSION; session += 20)
    await Promise.all(Array.from({ length: 20 }, (_, index) => subscribe(session + index)));
}
await stop(running);
if (subscriptions > 0) {
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { child, milliseconds } = await start();
    times.push(milliseconds);
    if (round === 2) console.log(`${"resident memory with them".padEnd(40)} ${memory(child)}`);
    await stop(child);
  }
  report(`exec to accepting, ${subscriptions} subscriptions`, times);
}
