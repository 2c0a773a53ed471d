/** The Dockerfile without an engine: its steps in a Debian root, with the release where the first stage puts it. */
import assert from "node:assert/strict";
import { copyFileSync, cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { dockerfile } from "../../scripts/image/dockerfile.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { Machine } from "./support/machine.ts";
import { release } from "./support/release.ts";

const root = dirname(dirname(import.meta.dirname));

it("what the Dockerfile does makes an image that serves as its user and stops with status 0", async (context) => {
  const base = await debianRoot([]);
  if ("reason" in base) return context.skip(base.reason);
  const instructions = dockerfile(root);
  const text = (name: string): string => instructions.find((found) => found.name === name)?.text ?? "";
  const { directory, executable } = await release();
  assert.match(text("COPY"), /^--from=build --chown=0:0 \/source\/_build\/default\/rel\/vernemq \/vernemq$/);
  const unpacked = await unpackRoot(base);
  const home = join(unpacked, "vernemq");
  cpSync(directory, home, { recursive: true, verbatimSymlinks: true, filter: (from) => from !== executable });
  copyFileSync(executable, join(home, "bin/vernemq"));

  await using system = await Machine.start(unpacked, false);
  await system.sh("chown -R 0:0 /vernemq");
  for (const { name, text: script } of instructions) if (name === "RUN") await system.sh(script);
  assert.equal(
    await system.sh(
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
  assert.equal(await system.sh("id vernemq"), "uid=10000(vernemq) gid=10000(vernemq) groups=10000(vernemq)");

  // What an engine does with USER, ENV, WORKDIR, CMD and HEALTHCHECK.
  const words = (json: string): string => {
    const command: string[] = JSON.parse(json);
    return command.join(" ");
  };
  const environment = `${text("ENV")} DOCKER_IP_ADDRESS=127.0.0.1 DOCKER_VERNEMQ_ALLOW_ANONYMOUS=on`;
  const inside = `cd ${text("WORKDIR")} && exec chroot --skip-chdir --userspec=${text("USER")} / /usr/bin/env -i ${environment}`;
  const health = `(${inside} ${words(text("HEALTHCHECK").replace(/^.*CMD /, ""))})`;
  await system.sh(
    `{ (${inside} ${words(text("CMD"))}); echo $? >/status; } >/log 2>&1 </dev/null & until ${health}; do sleep 0.1; done`,
  );
  await system.sh("mosquitto_pub -h 127.0.0.1 -t t -m hello -q 1 -r");
  assert.equal(await system.sh("mosquitto_sub -h 127.0.0.1 -t t -C 1 -W 20"), "hello");
  assert.equal(await system.sh("pgrep -u vernemq | wc -l"), "1");
  await system.sh("pkill -TERM -u vernemq && until test -s /status; do sleep 0.1; done");
  assert.equal(await system.sh("cat /status"), "0");
  assert.match(await system.sh("cat /log"), /\[info\] node VerneMQ@127\.0\.0\.1 \(version .*\) is ready/);
});
