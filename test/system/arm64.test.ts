/** The executable for Linux on arm64, under an emulator. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { platformNamed } from "../../scripts/build/platform.ts";
import { buildTree, releaseBundle } from "../../scripts/build/release-tree.ts";
import { emulated, emulationLacks } from "../../scripts/release/arm-root.ts";
import { VERSION } from "../../src/config/version.ts";
import { freePort, portOpen, temporaryDirectory } from "../support/processes.ts";
import { runBare } from "./support/bare-process.ts";
import { missing } from "./support/requirements.ts";

const root = dirname(dirname(import.meta.dirname));
/** An emulated start takes seconds even on an idle machine. */
const DEADLINE_MS = 120_000;

it("the arm64 executable serves, answers and stops", {
  skip: emulationLacks() ?? missing({ commands: ["mosquitto_pub", "mosquitto_sub"] }),
}, async (context) => {
  const scratch = temporaryDirectory();
  const directory = join(scratch, "vernemq");
  const { executable } = buildTree(
    root,
    platformNamed(root, "linux-arm64"),
    await releaseBundle(root, join(scratch, "bundle")),
    directory,
  );
  const [emulator, ...words] = emulated(root);
  const run = (...argv: string[]) =>
    runBare(emulator, [...words, executable, ...argv], { deadlineMs: DEADLINE_MS });
  assert.deepEqual(await run("version"), { status: 0, stdout: `${VERSION}\n`, stderr: "" });

  const port = await freePort();
  writeFileSync(
    join(directory, "etc/conf.d/test.conf"),
    `listener.tcp.default = 127.0.0.1:${port}\nallow_anonymous = on\n`,
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
