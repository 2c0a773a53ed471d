/** The Dockerfile without an engine: its steps in a Debian root, with the release where the first stage puts it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { dockerfile } from "../../scripts/image/dockerfile.ts";
import { freePort, portOpen, removeDirectory, run } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { release } from "./support/release.ts";

const root = dirname(dirname(import.meta.dirname));
const START_MS = 30_000;

it("what the Dockerfile does makes an image that serves as its user and stops with status 0", async (context) => {
  const base = await debianRoot(["chroot"]);
  if ("reason" in base) return context.skip(base.reason);
  const system = await unpackRoot(base);
  context.after(() => removeDirectory(system));
  const instructions = dockerfile(root);
  const text = (name: string): string => instructions.find((found) => found.name === name)?.text ?? "";
  const sh = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await run("chroot", [system, "/bin/sh", "-ec", script]);
    assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };

  const { directory, executable } = await release();
  assert.match(text("COPY"), /^--from=build --chown=0:0 \/source\/_build\/default\/rel\/vernemq \/vernemq$/);
  const home = join(system, "vernemq");
  cpSync(directory, home, { recursive: true, verbatimSymlinks: true, filter: (from) => from !== executable });
  copyFileSync(executable, join(home, "bin/vernemq"));
  await sh("chown -R 0:0 /vernemq");
  for (const { name, text: script } of instructions) if (name === "RUN") await sh(script);
  assert.equal(
    await sh(
      "stat -c '%a %u:%g %n' /vernemq/bin /vernemq/lib /vernemq/etc /vernemq/data /vernemq/log /vernemq/run",
    ),
    [
      "755 0:0 /vernemq/bin",
      "755 0:0 /vernemq/lib",
      "755 10000:10000 /vernemq/etc",
      "750 10000:10000 /vernemq/data",
      "750 10000:10000 /vernemq/log",
      "700 10000:10000 /vernemq/run",
    ].join("\n"),
  );
  assert.equal(await sh("id vernemq"), "uid=10000(vernemq) gid=10000(vernemq) groups=10000(vernemq)");

  const port = await freePort();
  const webSocketPort = await freePort();
  const environment = [
    ...text("ENV").split(" "),
    "DOCKER_IP_ADDRESS=127.0.0.1",
    "DOCKER_VERNEMQ_ALLOW_ANONYMOUS=on",
    `DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT=127.0.0.1:${port}`,
    `DOCKER_VERNEMQ_LISTENER__WS__DEFAULT=127.0.0.1:${webSocketPort}`,
  ];
  const inside = ["--userspec", text("USER"), system, "/usr/bin/env", "-i", ...environment];
  const command: string[] = JSON.parse(text("CMD"));
  const broker = spawn("chroot", [...inside, ...command], { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => broker.kill("SIGKILL"));
  let log = "";
  broker.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    log += chunk;
  });
  await portOpen(port, broker, START_MS);
  const client = await RawClient.connect(port, { clientId: "c" });
  await client.subscribe("t", 1);
  await client.publish("t", "hello", { qos: 1 });
  await client.receive({ payload: "hello" });
  client.destroy();
  const health: string[] = JSON.parse(text("HEALTHCHECK").replace(/^.*CMD /, ""));
  const { code, stdout } = await run("chroot", [...inside, ...health]);
  assert.deepEqual([code, stdout], [0, "pong\n"]);
  broker.kill("SIGTERM");
  const [status] = await once(broker, "exit");
  assert.equal(status, 0);
  assert.match(log, /\[info\] node VerneMQ@127\.0\.0\.1 \(version .*\) is ready/);
});
