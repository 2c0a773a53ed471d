import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { installation, installationRoot } from "./installation.ts";

describe("an installation", () => {
  let root = "";
  const write = (text: string): void => writeFileSync(join(root, "lib", "installation.json"), text);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "vernemq-installation-"));
    mkdirSync(join(root, "lib"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("has everything below its root", () => {
    assert.deepEqual(installation(root), {
      confFile: join(root, "etc", "vernemq.conf"),
      data: join(root, "data"),
      log: join(root, "log"),
      run: join(root, "run"),
      lib: join(root, "lib"),
      share: join(root, "share"),
      environment: undefined,
      user: undefined,
      service: undefined,
    });
    rmSync(join(root, "lib"), { recursive: true });
    writeFileSync(join(root, "lib"), "no directory");
    assert.equal(installation(root).lib, join(root, "lib"));
  });

  it("has elsewhere what its file says", () => {
    write(
      '{ "conf": "/etc/vernemq/vernemq.conf", "data": "/var/lib/vernemq", "share": "../share", "user": "vernemq" }',
    );
    const { confFile, data, share, log, user } = installation(root);
    assert.equal(user, "vernemq");
    assert.deepEqual([confFile, data], ["/etc/vernemq/vernemq.conf", "/var/lib/vernemq"]);
    assert.deepEqual([share, log], [join(root, "..", "share"), join(root, "log")]);
  });

  for (const [text, complaint] of [
    ["{", /installation\.json is not JSON/],
    ["[]", /does not hold an object/],
    ['{ "dta": "/x" }', /has the key dta; known are conf, data/],
    ['{ "data": 1 }', /data is not a path/],
    ['{ "user": "" }', /user is not a name/],
  ] as const) {
    it(`does not run with ${text}`, () => {
      write(text);
      assert.throws(() => installation(root), complaint);
    });
  }

  it("is above the folder of the program, or around an executable that was copied alone", () => {
    const cases = [
      ["/opt/vernemq/bin/vernemq", true, "/opt/vernemq"],
      ["/usr/local/sbin/vernemq", true, "/usr/local"],
      ["/srv/mqtt/vernemq", true, "/srv/mqtt"],
      ["/vernemq", true, "/"],
      ["/checkout/src/main.ts", false, "/checkout"],
    ] as const;
    for (const [program, executable, expected] of cases)
      assert.equal(installationRoot(program, executable), expected, program);
  });
});
