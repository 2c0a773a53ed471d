/** The built release as its users have it: no Node.js, no checkout, an empty environment. */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { VERSION } from "../../src/config/version.ts";
import { ask } from "../support/http.ts";
import { freePort, temporaryDirectory } from "../support/processes.ts";
import { type Finished, runBare } from "./support/bare-process.ts";
import { copyRelease, release } from "./support/release.ts";
import { missing } from "./support/requirements.ts";

const MOSQUITTO = { skip: missing({ commands: ["mosquitto_pub", "mosquitto_sub"] }) };

/** A release with listeners on free ports. */
class Installed {
  directory: string;
  readonly port: number;
  readonly httpPort: number;

  constructor(directory: string, port: number, httpPort: number) {
    this.directory = directory;
    this.port = port;
    this.httpPort = httpPort;
    writeFileSync(
      join(directory, "etc/conf.d/test.conf"),
      `listener.tcp.default = 127.0.0.1:${port}\nlistener.http.default = 127.0.0.1:${httpPort}\nallow_anonymous = on\n`,
    );
  }

  static async make(directory = join(temporaryDirectory(), "vernemq")): Promise<Installed> {
    await copyRelease(directory);
    return new Installed(directory, await freePort(), await freePort());
  }

  run(command: string, argv: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
    return runBare(join(this.directory, "bin", command), argv, { env });
  }

  async expect(command: string, argv: readonly string[], stdout: string | RegExp, status = 0): Promise<void> {
    const finished = await this.run(command, argv);
    assert.equal(finished.status, status, `${command} ${argv.join(" ")}: ${finished.stderr}`);
    if (typeof stdout === "string") assert.equal(finished.stdout, stdout);
    else assert.match(finished.stdout, stdout);
  }

  async start(): Promise<void> {
    const { status, stderr } = await this.run("vernemq", ["start"]);
    assert.equal(status, 0, stderr);
  }

  async kill(): Promise<void> {
    const { status, stdout } = await this.run("vernemq", ["getpid"]);
    if (status === 0) process.kill(Number(stdout), "SIGKILL");
  }
}

function mosquitto(program: string, { port }: Installed, argv: readonly string[]): Promise<Finished> {
  return runBare(program, ["-h", "127.0.0.1", "-p", `${port}`, ...argv], {});
}

describe("the release", () => {
  let installed: Installed;
  before(async () => {
    installed = await Installed.make();
  });
  after(() => installed.kill());

  it("says its version by each way to call it, and what is wrong with a call", async () => {
    await installed.expect("vernemq", ["version"], `${VERSION}\n`);
    await installed.expect("vernemq", ["chkconfig"], "config is OK\n");
    await installed.expect("vernemq", ["bogus"], "", 1);
    await installed.expect("vernemq", ["ping"], "", 1);
    await installed.expect("vernemq", ["stop"], "", 1);
    await installed.expect("vmq-admin", ["session", "show"], "", 1);
    await installed.expect("vernemq", ["vmq-admin", "session", "show"], "", 1);
    await installed.expect("vmq-passwd", [], "", 1);
  });

  it("ignores what is meant for another Node.js", async () => {
    const finished = await installed.run("vernemq", ["version"], { NODE_OPTIONS: "--no-such-option" });
    assert.deepEqual(finished, { status: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("starts, serves, answers and stops", MOSQUITTO, async () => {
    await installed.start();
    await installed.expect("vernemq", ["ping"], "pong\n");
    await installed.expect("vernemq", ["start"], "", 1);
    assert.equal((await ask(installed.httpPort, "/health")).body, '{"status":"OK"}');
    assert.match((await ask(installed.httpPort, "/metrics")).body, /^vernemq_socket_open\{/m);
    const subscribed = mosquitto("mosquitto_sub", installed, [
      "-t",
      "a/+",
      "-C",
      "1",
      "-W",
      "20",
      "-q",
      "1",
      "-i",
      "sub",
    ]);
    while (!(await installed.run("vmq-admin", ["session", "show", "--topic"])).stdout.includes("a/+"));
    const published = await mosquitto("mosquitto_pub", installed, ["-t", "a/b", "-m", "hello", "-q", "1"]);
    assert.deepEqual(published, { status: 0, stdout: "", stderr: "" });
    assert.equal((await subscribed).stdout, "hello\n");
    await installed.expect("vernemq", ["stop"], "ok\n");
    await installed.expect("vernemq", ["ping"], "", 1);
  });

  it("keeps what it has stored when its folder moves while it is stopped", MOSQUITTO, async () => {
    await installed.start();
    await mosquitto("mosquitto_pub", installed, ["-t", "kept", "-m", "retained", "-r", "-q", "1"]);
    await installed.expect("vernemq", ["stop"], "ok\n");
    const moved = `${installed.directory} moved`;
    renameSync(installed.directory, moved);
    installed.directory = moved;
    await installed.start();
    const { stdout } = await mosquitto("mosquitto_sub", installed, ["-t", "kept", "-C", "1", "-W", "20"]);
    assert.equal(stdout, "retained\n");
    await installed.expect("vernemq", ["restart"], "ok\n");
    await installed.expect("vmq-admin", ["retain", "show", "--format=csv"], /retained,kept|kept,retained/);
    await installed.expect("vernemq", ["stop"], "ok\n");
  });

  it("loads a plugin that lies outside", async () => {
    const extra = join(installed.directory, "etc/conf.d/plugin.conf");
    const plugins = temporaryDirectory();
    writeFileSync(join(plugins, "mine.js"), "export const hooks = { on_client_gone() {} };\n");
    writeFileSync(extra, `plugins.mine = on\nplugins.mine.path = ${plugins}\n`);
    await installed.start();
    await installed.expect(
      "vmq-admin",
      ["plugin", "show", "--plugin=mine", "--format=csv"],
      /on_client_gone/,
    );
    await installed.expect("vernemq", ["stop"], "ok\n");
    rmSync(extra);
  });

  it("makes password files", async () => {
    const file = join(installed.directory, "etc/users");
    const bin = join(installed.directory, "bin/vmq-passwd");
    const made = await runBare(bin, ["-c", file, "ada"], { input: "secret\nsecret\n" });
    assert.equal(made.status, 0, made.stderr);
    assert.match(readFileSync(file, "utf8"), /^ada:\$6\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==\n$/);
  });

  it("ends with status 1 when it cannot start, and says why", async () => {
    const extra = join(installed.directory, "etc/conf.d/bad.conf");
    writeFileSync(extra, "max_inflight_mesages = 3\n");
    const { status, stderr } = await installed.run("vernemq", ["start"]);
    rmSync(extra);
    assert.equal(status, 1);
    assert.match(stderr, /max_inflight_mesages/);
    assert.match(stderr, /vernemq failed to start/);
  });
});

/** Every path below a directory with what tells a change. */
function snapshot(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((path) => [path, statSync(join(directory, path))] as const)
    .map(([path, { size, mtimeMs, mode }]) => `${path} ${size} ${mtimeMs} ${mode}`)
    .sort();
}

describe("a release that nobody may write to", () => {
  it("serves with data, logs and run directory elsewhere, and leaves no file anywhere else", async (context) => {
    const outside = temporaryDirectory();
    const { directory } = await copyRelease(join(outside, "vernemq"));
    for (const name of ["var", "tmp"]) mkdirSync(join(outside, name));
    for (const path of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      if (!/^bin\//.test(path))
        chmodSync(join(directory, path), statSync(join(directory, path)).isDirectory() ? 0o555 : 0o444);
    }
    const before = snapshot(directory);
    const env = {
      VERNEMQ_DATA_DIR: join(outside, "var/data"),
      VERNEMQ_LOG_DIR: join(outside, "var/log"),
      VERNEMQ_RUN_DIR: join(outside, "var/run"),
      TMPDIR: join(outside, "tmp"),
    };
    const run = (...argv: string[]) => runBare(join(directory, "bin/vernemq"), argv, { env });
    context.after(async () => {
      const { status, stdout } = await run("getpid");
      if (status === 0) process.kill(Number(stdout), "SIGKILL");
      for (const path of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
        if (statSync(join(directory, path)).isDirectory()) chmodSync(join(directory, path), 0o755);
      }
    });
    writeFileSync(join(outside, "vernemq.conf"), `listener.tcp.default = 127.0.0.1:${await freePort()}\n`);
    Object.assign(env, { VERNEMQ_CONF: join(outside, "vernemq.conf") });
    const started = await run("start");
    assert.equal(started.status, 0, started.stderr);
    assert.equal((await run("ping")).stdout, "pong\n");
    assert.equal((await run("stop")).stdout, "ok\n");
    assert.deepEqual(snapshot(directory), before);
    assert.deepEqual(readdirSync(join(outside, "tmp")), []);
    assert.deepEqual(readdirSync(join(outside, "var")).sort(), ["data", "log", "run"]);
  });
});

describe("the process of a started release", () => {
  it("has eight threads for the store and the logs", { skip: missing({}) }, async (context) => {
    const installed = await Installed.make();
    context.after(() => installed.kill());
    await installed.start();
    const { stdout: pid } = await installed.run("vernemq", ["getpid"]);
    const threads = readdirSync(`/proc/${pid.trim()}/task`).map((task) =>
      readFileSync(`/proc/${pid.trim()}/task/${task}/comm`, "utf8").trim(),
    );
    assert.equal(threads.filter((name) => name === "libuv-worker").length, 8);
    await installed.expect("vernemq", ["stop"], "ok\n");
  });
});

it("the release is built once", async () => {
  const [first, second] = [await release(), await release()];
  assert.deepEqual(first, second);
});
