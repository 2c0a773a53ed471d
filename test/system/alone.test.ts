/** The executable without anything beside it: everything that it needs is inside. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { VERSION } from "../../src/config/version.ts";
import { freePort, portOpen, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { type Finished, runBare } from "./support/bare-process.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { release } from "./support/release.ts";
import { missing } from "./support/requirements.ts";

/** What lies in the directory before anything runs. */
const FILES = ["my.acl", "my.conf", "vernemq"];
const START_MS = 30_000;
const CLIENTS = missing({ commands: ["mosquitto_pub", "mosquitto_sub"] });

/** A directory with the executable and a configuration. */
class Alone {
  readonly directory: string;
  readonly port: number;
  readonly places: readonly string[];

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
    this.places = ["--conf", `${directory}/my.conf`, "--run-dir", `${directory}/my-run`];
  }

  static async make(): Promise<Alone> {
    const directory = temporaryDirectory();
    const { executable } = await release();
    copyFileSync(executable, join(directory, "vernemq"));
    const port = await freePort();
    writeFileSync(
      join(directory, "my.conf"),
      `listener.tcp.default = 127.0.0.1:${port}\nallow_anonymous = on\nvmq_acl.acl_file = my.acl\n`,
    );
    writeFileSync(join(directory, "my.acl"), "topic #\n");
    return new Alone(directory, port);
  }

  run(...argv: string[]): Promise<Finished> {
    return runBare(join(this.directory, "vernemq"), argv, {});
  }

  async serve(context: TestContext): Promise<ChildProcess> {
    const argv = [...this.places, "foreground"];
    const broker = spawn(join(this.directory, "vernemq"), argv, { env: {}, cwd: "/", stdio: "ignore" });
    context.after(() => broker.kill("SIGKILL"));
    await portOpen(this.port, broker, START_MS);
    return broker;
  }
}

describe("the executable alone in a directory", () => {
  it("serves, and unpacks the native add-on to the run directory, for its owner only", {
    skip: CLIENTS,
  }, async (context) => {
    const alone = await Alone.make();
    const broker = await alone.serve(context);
    const unpacked = readdirSync(join(alone.directory, "my-run")).filter((name) => name.endsWith(".node"));
    assert.equal(unpacked.length, 1);
    assert.match(unpacked[0] ?? "", /^classic-level-[0-9a-f]{16}\.node$/);
    const file = join(alone.directory, "my-run", unpacked[0] ?? "");
    assert.equal(statSync(file).mode & 0o7777, 0o700);
    assert.deepEqual(
      readFileSync(file),
      readFileSync(join((await release()).directory, "lib/classic-level.node")),
    );

    const client = ["-h", "127.0.0.1", "-p", `${alone.port}`, "-t", "kept", "-q", "1"];
    const published = await runBare("mosquitto_pub", [...client, "-r", "-m", "hello"], {});
    assert.deepEqual(published, { status: 0, stdout: "", stderr: "" });
    const subscribed = await runBare("mosquitto_sub", [...client, "-C", "1", "-W", "20"], {});
    assert.equal(subscribed.stdout, "hello\n", subscribed.stderr);
    assert.equal((await alone.run(...alone.places, "ping")).stdout, "pong\n");
    assert.equal((await alone.run(...alone.places, "stop")).stdout, "ok\n");
    const [status] = broker.exitCode === null ? await once(broker, "exit") : [broker.exitCode];
    assert.equal(status, 0);
    assert.deepEqual(readdirSync(alone.directory).sort(), [...FILES, "data", "log", "my-run"].sort());
  });

  it("has the licences inside", async () => {
    const alone = await Alone.make();
    const { status, stdout } = await alone.run("version", "--licences");
    assert.equal(status, 0);
    const { directory } = await release();
    const files = ["share/LICENSE", "share/3rd-party-licenses.txt"];
    assert.equal(stdout, files.map((file) => readFileSync(join(directory, file), "utf8")).join("\n"));
    assert.match(stdout, /^classic-level \d/m);
    assert.match(stdout, /^Node\.js \d/m);
    assert.deepEqual(await alone.run("version"), { status: 0, stdout: `${VERSION}\n`, stderr: "" });
    assert.deepEqual(readdirSync(alone.directory).sort(), FILES);
  });

  it("is vernemq under any name", async () => {
    const alone = await Alone.make();
    const renamed = join(alone.directory, "mqtt-broker");
    renameSync(join(alone.directory, "vernemq"), renamed);
    assert.equal((await runBare(renamed, ["version"], {})).stdout, `${VERSION}\n`);
    assert.equal((await runBare(renamed, [...alone.places, "chkconfig"], {})).stdout, "config is OK\n");
    assert.match((await runBare(renamed, ["vmq-passwd", "--help"], {})).stdout, /^Usage: vmq-passwd/);
  });

  it("uses its own add-on beside one of another release, and says so", async (context) => {
    const alone = await Alone.make();
    mkdirSync(join(alone.directory, "lib"));
    writeFileSync(join(alone.directory, "lib/classic-level.node"), "another one");
    const broker = spawn(join(alone.directory, "vernemq"), [...alone.places, "foreground"], {
      env: {},
      stdio: ["ignore", "ignore", "pipe"],
    });
    context.after(() => broker.kill("SIGKILL"));
    let stderr = "";
    broker.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    await portOpen(alone.port, broker, START_MS);
    assert.match(stderr, /lib\/classic-level\.node belongs to another release; the one inside .* is used/);
    assert.equal((await alone.run(...alone.places, "stop")).stdout, "ok\n");
  });

  it("says what to do when the run directory runs no programs", {
    skip: missing({ root: true, commands: ["unshare", "mount"] }),
  }, async () => {
    const alone = await Alone.make();
    const run = join(alone.directory, "my-run");
    mkdirSync(run, { mode: 0o700 });
    const mounted = 'mount -t tmpfs -o noexec,mode=0700 tmpfs "$0" && exec "$@"';
    const shell = ["--mount", "--propagation", "private", "/bin/sh", "-c", mounted, run];
    const argv = [...shell, join(alone.directory, "vernemq"), ...alone.places, "foreground"];
    const { status, stderr } = await runBare("unshare", argv, {});
    assert.equal(status, 1, stderr);
    assert.match(stderr, /native part of the database cannot be loaded from \S+\/my-run\/classic-level-/);
    assert.match(
      stderr,
      /is mounted noexec, name another directory with --run-dir or VERNEMQ_RUN_DIR, or put /,
    );
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  it("serves in a system that has nothing of the project", async (context) => {
    const root = await debianRoot(["chroot"]);
    if ("reason" in root) return context.skip(root.reason);
    const system = await unpackRoot(root);
    context.after(() => removeDirectory(system));
    const alone = await Alone.make();
    for (const file of FILES) copyFileSync(join(alone.directory, file), join(system, "srv", file));
    const command = (...argv: string[]): [string, string[]] => [
      "chroot",
      [system, "/srv/vernemq", "--conf", "/srv/my.conf", ...argv],
    ];
    const broker = spawn(...command("foreground"), {
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "ignore", "inherit"],
    });
    context.after(() => broker.kill("SIGKILL"));
    await portOpen(alone.port, broker, START_MS);
    assert.equal((await runBare(...command("ping"), {})).stdout, "pong\n");
    assert.deepEqual(readdirSync(join(system, "srv")).sort(), [...FILES, "data", "log", "run"].sort());
    broker.kill("SIGTERM");
    const [status] = await once(broker, "exit");
    assert.equal(status, 0);
  });
});
