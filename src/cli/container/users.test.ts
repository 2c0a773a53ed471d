import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { atOnce } from "../../clock/in-turns.ts";
import { parsePasswordFile } from "../../plugins/passwd/password-file.ts";
import { type ContainerUser, withUsers, writeUsers } from "./users.ts";

function user(name: string, password = "secret"): ContainerUser {
  return { variable: `DOCKER_VERNEMQ_USER_${name.toUpperCase()}`, user: name, password };
}

function names(text: string): string[] {
  const { users, problems } = atOnce(parsePasswordFile(text));
  assert.deepEqual(problems, []);
  return [...users.keys()];
}

const OTHER = withUsers("", [user("other")])
  .split("\n")
  .filter((line) => line.startsWith("other:"))
  .join("");

describe("users of the environment", () => {
  it("stand at the end of the password file", () => {
    const text = withUsers(OTHER, [user("bob"), user("eve")]);
    assert.deepEqual(names(text), ["other", "bob", "eve"]);
    assert.doesNotMatch(text, /secret/);
  });

  it("go before an earlier line about the same user", () => {
    const before = withUsers(OTHER, []);
    const after = withUsers(before, [user("other", "new")]);
    const stored = atOnce(parsePasswordFile(after)).users.get("other");
    assert.notDeepEqual(stored, atOnce(parsePasswordFile(before)).users.get("other"));
  });

  it("go when they are not in the environment any more", () => {
    const first = withUsers(`# mine\n${OTHER}\n`, [user("bob"), user("eve")]);
    assert.deepEqual(names(withUsers(first, [user("eve")])), ["other", "eve"]);
    assert.equal(withUsers(first, []), `# mine\n${OTHER}\n`);
  });

  it("leave lines alone that were added after them", () => {
    const first = `${withUsers("", [user("bob")])}${OTHER}\n`;
    assert.deepEqual(names(withUsers(first, [user("eve")])), ["other", "eve"]);
    const torn = withUsers("", [user("bob")]).replace(/# End.*\n/, OTHER);
    assert.deepEqual(names(withUsers(torn, [user("eve")])).sort(), ["bob", "eve", "other"]);
  });
});

describe("the password file of a container", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-users-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("is made when there are users, readable by its owner and group", () => {
    const file = join(directory, "vmq.passwd");
    assert.equal(writeUsers(file, []), undefined);
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(writeUsers(file, [user("bob")]), undefined);
    assert.deepEqual(readdirSync(directory), ["vmq.passwd"]);
    assert.equal(statSync(file).mode & 0o777, 0o640);
  });

  it("keeps its rights, and is not touched when nothing changes", () => {
    const file = join(directory, "vmq.passwd");
    writeFileSync(file, `${OTHER}\n`, { mode: 0o600 });
    const { ino } = statSync(file);
    assert.equal(writeUsers(file, []), undefined);
    assert.equal(statSync(file).ino, ino);
    assert.equal(writeUsers(file, [user("bob")]), undefined);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(names(readFileSync(file, "utf8")), ["other", "bob"]);
  });

  it("says why it cannot be written, without a password", () => {
    const failure = writeUsers(join(directory, "absent", "vmq.passwd"), [user("bob")]) ?? "";
    assert.match(
      failure,
      /^DOCKER_VERNEMQ_USER_BOB, the password file .*vmq\.passwd cannot be written: there is no/,
    );
    assert.match(failure, /DOCKER_VERNEMQ_VMQ_PASSWD__PASSWORD_FILE=data\/vmq\.passwd/);
    assert.doesNotMatch(failure, /secret/);
  });
});
