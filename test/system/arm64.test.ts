/** The executable for Linux on arm64, under an emulator. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { platformNamed } from "../../scripts/build/platform.ts";
import { buildTree, type ReleaseTree, releaseBundle } from "../../scripts/build/release-tree.ts";
import { makeImages } from "../../scripts/image/image.ts";
import { EMULATOR, emulated, emulationLacks } from "../../scripts/release/arm-root.ts";
import { VERSION } from "../../src/config/version.ts";
import { freePort, portOpen, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { runBare } from "./support/bare-process.ts";
import { NO_PODMAN, Podman } from "./support/podman.ts";
import { commandPath, missing } from "./support/requirements.ts";

const root = dirname(dirname(import.meta.dirname));
/** An emulated start takes seconds even on an idle machine. */
const DEADLINE_MS = 120_000;

const LACKS = emulationLacks();

/** The tree is built when the first test asks for it. */
class Arm64 {
  readonly #scratch = temporaryDirectory();
  #built: Promise<ReleaseTree> | undefined;

  tree(): Promise<ReleaseTree> {
    this.#built ??= this.#build();
    return this.#built;
  }

  async #build(): Promise<ReleaseTree> {
    const bundle = await releaseBundle(root, join(this.#scratch, "bundle"));
    return buildTree(root, platformNamed(root, "linux-arm64"), bundle, join(this.#scratch, "vernemq"));
  }
}

const arm64 = new Arm64();

it("the arm64 executable serves, answers and stops", {
  skip: LACKS ?? missing({ commands: ["mosquitto_pub", "mosquitto_sub"] }),
}, async (context) => {
  const { directory, executable } = await arm64.tree();
  const [emulator, ...words] = emulated(root);
  const run = (...argv: string[]) =>
    runBare(emulator, [...words, executable, ...argv], { deadlineMs: DEADLINE_MS });
  assert.deepEqual(await run("version"), { status: 0, stdout: `${VERSION}\n`, stderr: "" });

  const port = await freePort();
  writeFileSync(
    join(directory, "etc/conf.d/test.conf"),
    `listener.tcp.default = 127.0.0.1:${port}\nlistener.http.default = 127.0.0.1:${await freePort()}\nallow_anonymous = on\n`,
  );
  const broker = spawn(emulator, [...words, executable, "foreground"], { stdio: "ignore", env: {} });
  context.after(() => broker.kill("SIGKILL"));
  await portOpen(port, broker, DEADLINE_MS);
  assert.equal((await run("ping")).stdout, "pong\n");
  const client = ["-h", "127.0.0.1", "-p", `${port}`, "-t", "arm/64", "-q", "1"];
  const published = await runBare("mosquitto_pub", [...client, "-r", "-m", "hello"], {});
  assert.deepEqual(published, { status: 0, stdout: "", stderr: "" });
  const subscribed = await runBare("mosquitto_sub", [...client, "-C", "1", "-W", "60"], {});
  assert.equal(subscribed.stdout, "hello\n", subscribed.stderr);
  const shown = await run("vmq-admin", "retain", "show", "--format=csv");
  assert.match(shown.stdout, /hello,arm\/64/);
  assert.equal((await run("stop")).stdout, "ok\n");
  const [status] = broker.exitCode === null ? await once(broker, "exit") : [broker.exitCode];
  assert.equal(status, 0);
});

it("the arm64 image serves, answers and stops", {
  skip: LACKS ?? (NO_PODMAN || missing({ debian: true, commands: ["busybox", EMULATOR] })),
}, async (context) => {
  const podman = new Podman();
  context.after(() => podman[Symbol.asyncDispose]());
  const directory = temporaryDirectory();
  const [archive] = await makeImages({
    trees: { arm64: (await arm64.tree()).directory },
    version: VERSION,
    revision: "",
    epoch: 1_700_000_000,
    output: join(directory, "out"),
    scratch: join(directory, "scratch"),
  });
  await podman.expect("load", "--input", archive?.file ?? "");
  const image = `vernemq/vernemq:${VERSION}`;
  assert.equal(await podman.expect("image", "inspect", image, "--format", "{{.Architecture}}"), "arm64");

  // The machine may not know by itself what to do with programs of another kind: the emulator, which needs no library,
  // is what runs in the container, and the program is its argument.
  const emulator = "/emulator";
  const program = "/vernemq/bin/vernemq";
  const [port, webSocketPort] = [await freePort(), await freePort()];
  const env = {
    DOCKER_IP_ADDRESS: "127.0.0.1",
    DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on",
    DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT: `127.0.0.1:${port}`,
    DOCKER_VERNEMQ_LISTENER__WS__DEFAULT: `127.0.0.1:${webSocketPort}`,
  };
  await podman.expect(
    ...["run", "--detach", "--name", "arm", "--no-healthcheck", "--arch", "arm64"],
    ...["--volume", `${commandPath(EMULATOR)}:${emulator}:ro`],
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...[image, emulator, program, "docker-entrypoint"],
  );
  const log = async (): Promise<string> => {
    const { stdout, stderr } = await podman.run("logs", "arm");
    return stdout + stderr;
  };
  await portOpen(port, undefined, DEADLINE_MS).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${await log()}`);
  });
  const client = await RawClient.connect(port, { clientId: "c" });
  await client.subscribe("arm/64", 1);
  await client.publish("arm/64", "hello", { qos: 1 });
  await client.receive({ payload: "hello" });
  client.destroy();
  const exec = (...argv: string[]): Promise<string> =>
    podman.expect("exec", "arm", emulator, program, ...argv);
  assert.equal(await exec("ping"), "pong");
  assert.equal(await exec("version"), VERSION);
  await podman.expect("stop", "--time", "60", "arm");
  assert.equal(await podman.expect("inspect", "arm", "--format", "{{.State.ExitCode}}"), "0");
  assert.match(await log(), /\[info\] node VerneMQ@127\.0\.0\.1 \(version .*\) is ready/);
});
