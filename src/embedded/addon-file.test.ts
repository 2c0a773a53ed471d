import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { AddonError, addonFile } from "./addon-file.ts";

const EMBEDDED = Buffer.from("code of the database");

describe("the file of the native add-on", { skip: process.platform === "win32" }, () => {
  let directory = "";
  let runDirectory = "";
  let installed = "";

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-addon-"));
    runDirectory = join(directory, "run/vernemq");
    installed = join(directory, "classic-level.node");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const find = (user?: number): string => addonFile(EMBEDDED, { installed, runDirectory }, user);
  const me = process.geteuid?.() ?? 0;

  it("is that of the installation when it is the one of this executable", () => {
    writeFileSync(installed, EMBEDDED);
    assert.equal(find(me), installed);
    assert.deepEqual(readdirSync(directory), ["classic-level.node"]);
  });

  it("is written to the run directory otherwise, for nobody but the owner, and once", () => {
    for (const other of [undefined, "code of the databasf", "other"]) {
      if (other !== undefined) writeFileSync(installed, other);
      rmSync(runDirectory, { recursive: true, force: true });
      const file = find(me);
      assert.match(file, /\/run\/vernemq\/classic-level-[0-9a-f]{16}\.node$/);
      assert.deepEqual(readFileSync(file), EMBEDDED);
      assert.equal(statSync(file).mode & 0o777, 0o700);
      assert.equal(statSync(runDirectory).mode & 0o777, 0o700);
      const { ino } = statSync(file);
      assert.equal(find(me), file);
      assert.equal(statSync(file).ino, ino);
    }
  });

  it("replaces what is under its name and not the same, and removes what was for other executables", () => {
    const file = find(me);
    const old = join(runDirectory, "classic-level-0123456789abcdef.node");
    const foreign = join(runDirectory, "classic-level.node");
    for (const path of [old, `${old}.77`, foreign]) writeFileSync(path, "old");
    writeFileSync(file, "code of an attacker.");
    assert.equal(find(me), file);
    assert.deepEqual(readFileSync(file), EMBEDDED);
    assert.deepEqual(readdirSync(runDirectory).sort(), [
      file.slice(runDirectory.length + 1),
      "classic-level.node",
    ]);

    chmodSync(file, 0o722);
    find(me);
    assert.equal(statSync(file).mode & 0o777, 0o700);

    const elsewhere = join(directory, "elsewhere");
    writeFileSync(elsewhere, EMBEDDED);
    rmSync(file);
    symlinkSync(elsewhere, file);
    find(me);
    assert.ok(lstatSync(file).isFile());
    rmSync(elsewhere);
  });

  it("is not put where others can change it", () => {
    mkdirSync(runDirectory, { recursive: true });
    const refused = (user: number): void => {
      assert.throws(
        () => find(user),
        (error) =>
          error instanceof AddonError &&
          error.message.startsWith(`others may change what is in ${runDirectory}`) &&
          error.message.includes("--run-dir"),
      );
      assert.deepEqual(readdirSync(runDirectory), []);
    };
    for (const mode of [0o770, 0o707, 0o777]) {
      chmodSync(runDirectory, mode);
      refused(me);
    }
    chmodSync(runDirectory, 0o1777);
    rmSync(find(me));
    if (me !== 0) return;
    chmodSync(runDirectory, 0o700);
    // Root's directory is as good as one's own; that of a third user is not.
    rmSync(find(12_345));
    assert.throws(() => {
      runDirectory = join(directory, "foreign");
      mkdirSync(runDirectory);
      chownSync(runDirectory, 23_456, 23_456);
      find(12_345);
    }, AddonError);
  });

  it("that cannot be written is an error that says where and what to do", () => {
    writeFileSync(join(directory, "run"), "");
    assert.throws(
      () => find(me),
      (error) =>
        error instanceof AddonError &&
        error.message.includes(`cannot be written to ${runDirectory}/classic-level-`) &&
        error.message.includes("ENOTDIR") &&
        error.message.includes(`put lib/classic-level.node of the same release at ${installed}`),
    );
  });
});
