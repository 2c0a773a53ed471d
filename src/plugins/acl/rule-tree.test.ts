import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SessionIdentity } from "../../plugin/hook.ts";
import { filterMatches, topicLevels } from "../../plugin/topics.ts";
import { RuleTree } from "./rule-tree.ts";

function identity(username: string | null, clientId = "client", mountpoint = ""): SessionIdentity {
  return { username, subscriberId: { mountpoint, clientId } };
}

const NOBODY = identity(null);

function treeOf(...filters: string[]): RuleTree {
  const tree = new RuleTree(false);
  for (const filter of filters) tree.add(filter);
  return tree;
}

/** How a rule is documented to match a topic name: like a filter, but wildcards match `$` levels too. */
function ruleMatches(rule: string, topic: string): boolean {
  const unreserved = (text: string) => (text.startsWith("$") ? `x${text}` : text);
  return filterMatches(unreserved(rule), unreserved(topic));
}

/** All topics of up to four levels out of two used in rules, one used nowhere else, a reserved and an empty one. */
const TOPICS: readonly string[] = (() => {
  const levels = ["a", "b", "other", "$s", ""];
  let longest = [...levels];
  const all = [...longest];
  for (let depth = 2; depth <= 4; depth++) {
    longest = longest.flatMap((topic) => levels.map((level) => `${topic}/${level}`));
    all.push(...longest);
  }
  return all.filter((topic) => topic !== "");
})();

const filter = fc
  .tuple(
    fc.array(fc.constantFrom("a", "b", "$s", "+", "+", ""), { minLength: 0, maxLength: 3 }),
    fc.constantFrom("", "#"),
  )
  .map(([levels, end]) => (end === "" && levels.length > 0 ? levels : [...levels, "#"]).join("/"))
  .filter((text) => text !== "");

test("a rule covers a filter exactly when it matches every topic that the filter matches", () => {
  let covered = 0;
  fc.assert(
    fc.property(filter, filter, (rule, wanted) => {
      const expected = TOPICS.every((topic) => !filterMatches(wanted, topic) || ruleMatches(rule, topic));
      const tree = treeOf(rule);
      assert.equal(tree.covers(topicLevels(wanted), NOBODY), expected, `${rule} for ${wanted}`);
      assert.equal(tree.coversEverything, rule === "#");
      if (expected) covered++;
    }),
    { numRuns: 2000 },
  );
  assert.ok(covered > 100, "both outcomes are met");
});

test("a tree of many rules covers what one of them covers", () => {
  fc.assert(
    fc.property(fc.array(filter, { minLength: 1, maxLength: 6 }), filter, (rules, wanted) => {
      const levels = topicLevels(wanted);
      const expected = rules.some((rule) => treeOf(rule).covers(levels, NOBODY));
      assert.equal(treeOf(...rules).covers(levels, NOBODY), expected);
    }),
  );
});

test("a topic name is covered exactly when a rule matches it", () => {
  fc.assert(
    fc.property(filter, fc.constantFrom(...TOPICS), (rule, topic) => {
      assert.equal(treeOf(rule).covers(topicLevels(topic), NOBODY), ruleMatches(rule, topic));
    }),
  );
});

test("wildcards of a subscription are no plain words: the cases that widened access elsewhere", () => {
  const refused: [string, string][] = [
    ["a/+", "a/#"],
    ["+", "#"],
    ["a/b", "a/+"],
    ["a/+/c", "a/#"],
    ["a/+/#", "a/#"],
    ["+/b", "+/+"],
  ];
  for (const [rule, wanted] of refused) {
    assert.equal(treeOf(rule).covers(topicLevels(wanted), NOBODY), false, `${rule} for ${wanted}`);
  }
  const allowed: [string, string][] = [
    ["a/#", "a/+"],
    ["a/#", "a/#"],
    ["a/#", "a"],
    ["a/+", "a/+"],
    ["#", "$SYS/#"],
    ["+/#", "#"],
    ["#", "#"],
  ];
  for (const [rule, wanted] of allowed) {
    assert.equal(treeOf(rule).covers(topicLevels(wanted), NOBODY), true, `${rule} for ${wanted}`);
  }
});

test("a client's names never reach further than the one level they equal", () => {
  const name = fc.oneof(
    fc.constantFrom("+", "#", "a/b", "/", "+/+", "a/#", "$SYS", "$share", "%u", "%c", "a", "", "other"),
    fc.string(),
  );
  const pattern = new RuleTree(true);
  pattern.add("%u/#");
  pattern.add("x/%c/y");
  fc.assert(
    fc.property(
      name,
      name,
      fc.oneof(fc.constantFrom(...TOPICS, "#", "+", "+/#", "x/+/y", "x/#/y", "$SYS/#", "x/a/y"), filter),
      (username, clientId, wanted) => {
        const levels = topicLevels(wanted);
        const allowed = pattern.covers(levels, identity(username, clientId));
        const literal = (level: string | undefined, own: string) =>
          level === own && level !== "+" && level !== "#" && !own.includes("/");
        const byUser = literal(levels[0], username) && username !== "" && !username.startsWith("$");
        const byClient =
          levels.length === 3 && levels[0] === "x" && literal(levels[1], clientId) && levels[2] === "y";
        assert.equal(allowed, byUser || byClient);
      },
    ),
    { numRuns: 1000 },
  );
});

test("variables stand for the client's own names, in patterns only", () => {
  const tree = new RuleTree(true);
  tree.add("%m/%u/%c/+");
  const alice = identity("alice", "c1", "tenant");
  assert.equal(tree.covers(["tenant", "alice", "c1", "x"], alice), true);
  assert.equal(tree.covers(["tenant", "alice", "c1", "+"], alice), true);
  assert.equal(tree.covers(["tenant", "bob", "c1", "x"], alice), false);
  assert.equal(tree.covers(["%m", "%u", "%c", "x"], alice), false);
  assert.equal(treeOf("%u/x").covers(["alice", "x"], alice), false);
  assert.equal(treeOf("%u/x").covers(["%u", "x"], alice), true);
  const own = new RuleTree(true);
  own.add("%u");
  assert.equal(own.covers(["null"], identity(null)), false);
});
