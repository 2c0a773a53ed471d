import assert from "node:assert/strict";
import { createHash, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { atOnce } from "../../clock/in-turns.ts";
import { textOf } from "../../plugin/numbered-lines.ts";
import {
  createPasswordLine,
  deleteUser,
  hashClearText,
  parsePasswordFile,
  upsertUser,
} from "./password-file.ts";
import { decoyOf, parsePasswordHash, verifyPassword } from "./password-hash.ts";

const SALT = Buffer.from("0123456789ab");

/** A line made by the definition of the format, not by the code under test. */
function referenceLine(user: string, password: string): string {
  const hash = createHash("sha512")
    .update(Buffer.concat([Buffer.from(password), SALT]))
    .digest("base64");
  return `${user}:$6$${SALT.toString("base64")}$${hash}`;
}

function verifies(text: string, user: string, password: string): boolean | Promise<boolean> | undefined {
  const stored = atOnce(parsePasswordFile(text)).users.get(user);
  return stored === undefined ? undefined : verifyPassword(stored, Buffer.from(password));
}

test("a line is one SHA-512 over password and salt", () => {
  const text = referenceLine("alice", "pa:ss wörd");
  assert.equal(verifies(text, "alice", "pa:ss wörd"), true);
  assert.equal(verifies(text, "alice", "pa:ss wörd "), false);
  assert.equal(verifies(text, "alice", ""), false);
  assert.match(createPasswordLine("bob", "x"), /^bob:\$6\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==$/);
});

test("any user name and password that the tool takes can be verified, and no other password", () => {
  const name = fc
    .string({ minLength: 1, unit: "grapheme" })
    .filter((text) => !/[:\p{Cc}]/u.test(text) && !/^[#\ufeff]/.test(text));
  fc.assert(
    fc.property(name, fc.string({ minLength: 1, unit: "grapheme" }), fc.string(), (user, password, other) => {
      const text = `${createPasswordLine(user, password)}\n`;
      assert.equal(verifies(text, user, password), true);
      assert.equal(verifies(text, user, other), other === password);
    }),
    { examples: [["\ufffd", " ", ""]] },
  );
});

test("Mosquitto's PBKDF2 lines are verified too", async () => {
  const hash = pbkdf2Sync("secret", SALT, 101, 64, "sha512").toString("base64");
  const text = `carol:$7$101$${SALT.toString("base64")}$${hash}\n`;
  assert.equal(await verifies(text, "carol", "secret"), true);
  assert.equal(await verifies(text, "carol", "Secret"), false);
  const decoy = decoyOf(atOnce(parsePasswordFile(text)).users.get("carol"));
  assert.equal(decoy.kind === "pbkdf2" && decoy.iterations, 101);
});

test("malformed hashes are refused", () => {
  const good = referenceLine("u", "p").slice(2);
  assert.notEqual(parsePasswordHash(good), null);
  const [, , salt = "", hash = ""] = good.split("$");
  for (const bad of [
    "",
    "clear text",
    "$6$",
    `$5$${salt}$${hash}`,
    `$6$$${hash}`,
    `$6$${salt}$`,
    `$6$${salt}$${hash.slice(4)}`,
    `$6$${salt}$${hash}=`,
    `$6$${salt}$${hash}$x`,
    `$6$sa lt$${hash}`,
    `$7$0$${salt}$${hash}`,
    `$7$-1$${salt}$${hash}`,
    `$7$99999999$${salt}$${hash}`,
    `$7$${salt}$${hash}`,
    `x$6$${salt}$${hash}`,
  ]) {
    assert.equal(parsePasswordHash(bad), null, bad);
  }
});

test("a file may have blank lines, comments and Windows line ends; the last line of a user counts", () => {
  const text = `\r\n# users: all of them\r\n${referenceLine("a", "old")}\r\n\n${referenceLine("a", "new")}\r\n`;
  const { users, problems } = atOnce(parsePasswordFile(text));
  assert.deepEqual(problems, []);
  assert.deepEqual([...users.keys()], ["a"]);
  assert.equal(verifies(text, "a", "new"), true);
  assert.equal(verifies(text, "a", "old"), false);
});

test("problems name their line and never the text of it", () => {
  const text = `${referenceLine("a", "x")}\nbob:clear-secret\nnonsense-secret\n:${"$6$"}\n`;
  const { problems } = atOnce(parsePasswordFile(text));
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 3, 4],
  );
  assert.doesNotMatch(JSON.stringify(problems), /clear-secret|nonsense-secret/);
});

test("upsertUser replaces in place, appends else, and leaves other lines alone", () => {
  const before = `# staff\n${referenceLine("a", "1")}\n${referenceLine("b", "2")}\n${referenceLine("a", "3")}`;
  const after = upsertUser(before, "a", "new");
  const lines = after.split("\n");
  assert.equal(lines.length, 4);
  assert.equal(lines[0], "# staff");
  assert.match(lines[1] ?? "", /^a:/);
  assert.equal(lines[2], referenceLine("b", "2"));
  assert.equal(verifies(after, "a", "new"), true);
  const added = upsertUser(after, "c", "3");
  assert.ok(added.startsWith(after));
  assert.equal(verifies(added, "c", "3"), true);
  assert.equal(verifies(upsertUser("", "c", "3"), "c", "3"), true);
});

test("deleteUser takes out all lines of the user and says whether there were any", () => {
  const text = `${referenceLine("a", "1")}\n${referenceLine("ab", "2")}\n`;
  assert.deepEqual(deleteUser(text, "a"), { text: `${referenceLine("ab", "2")}\n`, found: true });
  assert.deepEqual(deleteUser(text, "x"), { text, found: false });
});

test("hashClearText hashes clear text lines only and refuses a file it does not understand", () => {
  const hashed = referenceLine("a", "1");
  const after = hashClearText(`${hashed}\nb:clear:text\r\n\n# note: b\n`);
  assert.ok(after.startsWith(`${hashed}\n`));
  assert.equal(verifies(after, "b", "clear:text"), true);
  assert.match(after, /\n\n# note: b\n$/);
  assert.equal(hashClearText(after), after);
  assert.throws(() => hashClearText("b:ok\nsecret-without-name\n"), {
    name: "PasswordFileError",
    message: "line 2: a line must be username:password-hash",
  });
  assert.throws(() => hashClearText("b:\n"), { message: "line 1: Empty password." });
});

test("user names that the file cannot hold are refused", () => {
  for (const user of ["", "a:b", "a\nb", "a\0", "#a", "\ufeffa", "\ud800", "x".repeat(65_536)]) {
    assert.throws(() => createPasswordLine(user, "p"), { name: "PasswordFileError" });
  }
  assert.throws(() => createPasswordLine("a", ""), { message: "Empty password." });
});

test("a byte order mark does not count, and a line that is not UTF-8 is a problem", () => {
  const line = createPasswordLine("alice", "pw");
  const { users, problems } = atOnce(parsePasswordFile(`\ufeff${line}\ncaf\ud800${line}\n`));
  assert.deepEqual([...users.keys()], ["alice"]);
  assert.deepEqual(problems, [{ line: 2, problem: "the line is not UTF-8" }]);
  const foreign = textOf(Buffer.from(`${line}\ncaf\xe9:x\n`, "latin1"));
  for (const change of [() => upsertUser(foreign, "bob", "pw"), () => deleteUser(foreign, "alice")])
    assert.throws(change, { name: "PasswordFileError", message: "line 2: the line is not UTF-8" });
});
