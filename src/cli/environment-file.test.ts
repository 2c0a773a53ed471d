import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { environmentFile, ownInstallation } from "./environment-file.ts";

describe("the variables of a service", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "vernemq-environment-"));
    mkdirSync(join(root, "lib"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("are read as systemd and the shell have them, and other lines are nothing", () => {
    const file = join(root, "default");
    writeFileSync(
      file,
      "# a comment\nulimit -n 65536\n A=plain \nB='in quotes'\nC=\"a = b\"\nexport D=x\nE=\nF='\n1G=x\n",
    );
    assert.deepEqual(
      [...environmentFile(file)],
      [
        ["A", "plain"],
        ["B", "in quotes"],
        ["C", "a = b"],
        ["D", "x"],
        ["E", ""],
        ["F", "'"],
      ],
    );
    assert.equal(environmentFile(join(root, "none")).size, 0);
    assert.equal(environmentFile(root).size, 0);
  });

  it("count for commands of an installation that names the file, unless they are set", () => {
    const main = join(root, "bin/vernemq");
    writeFileSync(join(root, "default"), "VERNEMQ_RUN_DIR=/file\nOTHER=file\n");
    const env: Record<string, string> = { OTHER: "mine" };
    ownInstallation(main, env);
    assert.deepEqual(env, { OTHER: "mine" });
    writeFileSync(join(root, "lib/installation.json"), '{ "environment": "default" }');
    assert.equal(ownInstallation(main, env).environment, join(root, "default"));
    assert.deepEqual(env, { OTHER: "mine", VERNEMQ_RUN_DIR: "/file" });
  });
});
