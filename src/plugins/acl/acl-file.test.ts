import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnce } from "../../clock/in-turns.ts";
import type { SessionIdentity } from "../../plugin/hook.ts";
import { parseAcl } from "./acl-file.ts";

function identity(username: string | null, clientId = "c"): SessionIdentity {
  return { username, subscriberId: { mountpoint: "", clientId } };
}

function rulesOf(text: string) {
  const { rules, problems } = atOnce(parseAcl(text));
  assert.deepEqual(problems, []);
  return rules;
}

test("the documented grammar", () => {
  const rules = rulesOf(
    [
      "# comment",
      "topic read public/#",
      "topic write in/+",
      "",
      "user alice",
      "topic both",
      "topic\twrite\tout/alice",
      "pattern read status/%c",
      "user bob smith",
      "topic readwrite shared/#",
    ].join("\n"),
  );
  const alice = identity("alice");
  const bob = identity("bob smith");
  assert.equal(rules.maySubscribe(identity(null), "public/x"), true);
  assert.equal(rules.maySubscribe(alice, "public/#"), true);
  assert.equal(rules.mayPublish(alice, "public/x"), false);
  assert.equal(rules.mayPublish(alice, "in/x"), true);
  assert.equal(rules.maySubscribe(alice, "in/x"), false);
  assert.equal(rules.mayPublish(alice, "both") && rules.maySubscribe(alice, "both"), true);
  assert.equal(rules.mayPublish(bob, "both") || rules.mayPublish(identity(null), "both"), false);
  assert.equal(rules.mayPublish(alice, "out/alice"), true);
  assert.equal(rules.maySubscribe(bob, "status/c"), true);
  assert.equal(rules.maySubscribe(bob, "status/d"), false);
  assert.equal(rules.mayPublish(bob, "shared/x") && rules.maySubscribe(bob, "shared/x"), true);
});

test("indented comments, blank lines of blanks, Windows line ends and blanks at line ends do no harm", () => {
  const rules = rulesOf("  # comment\r\n\t \r\n \ttopic read a/b \t\r\nuser  alice\t\r\n  topic c\r\n");
  assert.equal(rules.maySubscribe(identity(null), "a/b"), true);
  assert.equal(rules.mayPublish(identity("alice"), "c"), true);
});

test("an empty file allows nothing", () => {
  for (const text of ["", "\n\n", "# topic #\n"]) {
    const rules = rulesOf(text);
    assert.equal(rules.mayPublish(identity("alice"), "a"), false);
    assert.equal(rules.maySubscribe(identity("alice"), "a"), false);
  }
});

test("`topic #` allows everything, also $SYS and shared subscriptions", () => {
  const rules = rulesOf("topic #");
  for (const filter of ["#", "$SYS/#", "a/b", "$share/g/#", "$share/g/$SYS/#"]) {
    assert.equal(rules.maySubscribe(identity(null), filter), true, filter);
  }
});

test("a shared subscription is judged by what it could receive, or by a rule on its full text", () => {
  const rules = rulesOf(
    "topic read sensors/#\ntopic read $share/+/jobs/#\ntopic read $share/g/one\ntopic read +/x",
  );
  const may = (filter: string) => rules.maySubscribe(identity(null), filter);
  assert.equal(may("$share/g/sensors/#"), true);
  assert.equal(may("$share/g/sensors/a/+"), true);
  assert.equal(may("$share/g/#"), false);
  assert.equal(may("$share/any/jobs/a"), true);
  assert.equal(may("jobs/a"), false);
  assert.equal(may("$share/g/one"), true);
  assert.equal(may("$share/h/one"), false);
  assert.equal(may("$share/x"), false, "no filter at all");
  assert.equal(rulesOf("topic read +/g/secret").maySubscribe(identity(null), "$share/g/secret"), false);
  assert.equal(rulesOf("pattern read %c/#").maySubscribe(identity(null, "$share"), "$share/g/secret"), false);
});

test("problems name their line; rules of an unknown section do not count", () => {
  const { rules, problems } = atOnce(
    parseAcl(
      [
        "topic read good",
        "topic a/#/b",
        "usr alice",
        "topic secret",
        "user alice",
        "topic own",
        "user",
        "topic secret",
        "topic",
        "topic deny x",
        "pattern read ok/%c",
      ].join("\n"),
    ),
  );
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 3, 7, 9, 10],
  );
  assert.match(problems[0]?.problem ?? "", /"a\/#\/b" is not valid: # must be alone/);
  for (const who of [identity(null), identity("alice")]) {
    assert.equal(rules.mayPublish(who, "secret"), false);
    assert.equal(rules.maySubscribe(who, "good"), true);
    assert.equal(rules.maySubscribe(who, "ok/c"), true);
  }
  assert.equal(rules.mayPublish(identity("alice"), "own"), true);
});

test("user names are plain keys", () => {
  const rules = rulesOf("user __proto__\ntopic p\nuser +\ntopic plus\nuser #\ntopic hash");
  assert.equal(rules.mayPublish(identity("__proto__"), "p"), true);
  assert.equal(rules.mayPublish(identity("constructor"), "p"), false);
  assert.equal(rules.mayPublish(identity("alice"), "plus"), false);
  assert.equal(rules.mayPublish(identity("alice"), "hash"), false);
});

test("a byte order mark does not count; a line that is not UTF-8 is a problem and opens nothing", () => {
  assert.equal(rulesOf("\ufefftopic a").maySubscribe(identity(null), "a"), true);
  const { rules, problems } = atOnce(
    parseAcl("topic caf\ud800/#\ntopic a\nuser caf\ud800\ntopic b\nuser bob\ntopic c"),
  );
  assert.deepEqual(problems, [
    { line: 1, problem: "the line is not UTF-8" },
    { line: 3, problem: "the line is not UTF-8" },
  ]);
  assert.equal(rules.maySubscribe(identity(null), "a"), true);
  assert.equal(rules.maySubscribe(identity("caf\ud800"), "caf\ud800/x"), false);
  for (const user of [null, "caf\ud800", "bob"]) assert.equal(rules.maySubscribe(identity(user), "b"), false);
  assert.equal(rules.maySubscribe(identity("bob"), "c"), true);
});
