import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { containerWith, testNetwork } from "./container-test-support.ts";
import { prepareContainer } from "./entrypoint.ts";

const BOB = { DOCKER_VERNEMQ_USER_BOB: "secret" };

describe("the preparation of a container", () => {
  it("makes the directories and the password file", (context) => {
    const places = containerWith(context, { "vernemq.conf": "" });
    assert.deepEqual(prepareContainer(places, BOB, [], testNetwork), { ok: true, lines: [] });
    const { data, log, run, etc } = places.directories;
    for (const directory of [data, log, run]) assert.ok(existsSync(directory), directory);
    assert.match(readFileSync(join(etc, "vmq.passwd"), "utf8"), /^bob:\$6\$/m);
  });

  it("puts users where the configuration wants them", (context) => {
    const places = containerWith(context, { "vernemq.conf": "" });
    const env = { ...BOB, DOCKER_VERNEMQ_VMQ_PASSWD__PASSWORD_FILE: "data/users" };
    assert.equal(prepareContainer(places, env, [], testNetwork).ok, true);
    assert.ok(existsSync(join(places.directories.data, "users")));
  });

  it("says what has no effect", (context) => {
    const places = containerWith(context, { "vernemq.conf": "" });
    const env = { ...BOB, DOCKER_VERNEMQ_PLUGINS__VMQ_PASSWD: "off" };
    const { ok, lines } = prepareContainer(places, env, ["+P", "1000"], testNetwork);
    assert.equal(ok, true);
    assert.deepEqual(lines, [
      "warning: without effect: the arguments +P 1000",
      "warning: without effect, because plugins.vmq_passwd is off: DOCKER_VERNEMQ_USER_BOB",
    ]);
  });

  it("writes nothing when the configuration is bad", (context) => {
    const places = containerWith(context, { "vernemq.conf": "no_such_key = 1\n" });
    assert.deepEqual(prepareContainer(places, BOB, [], testNetwork), { ok: true, lines: [] });
    assert.ok(!existsSync(join(places.directories.etc, "vmq.passwd")));
    assert.ok(!existsSync(places.directories.data));
  });

  it("fails without the directory of the configuration", (context) => {
    const places = containerWith(context, { "vernemq.conf": "" });
    rmSync(places.directories.etc, { recursive: true });
    const { ok, lines } = prepareContainer(places, {}, [], testNetwork);
    assert.equal(ok, false);
    assert.match(lines[0] ?? "", /^error: .*etc is missing/);
  });

  it("fails where it cannot write, and says who could", (context) => {
    const places = containerWith(context, { "vernemq.conf": "" });
    writeFileSync(places.directories.data, "a file, no directory");
    const { ok, lines } = prepareContainer(places, {}, [], testNetwork);
    assert.equal(ok, false);
    assert.equal(lines.length, 1);
    const user = process.getuid?.();
    assert.match(
      lines[0] ?? "",
      new RegExp(`^error: .*data cannot be written by user ${user} .*chown ${user}:`),
    );
  });
});
