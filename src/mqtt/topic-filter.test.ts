import assert from "node:assert/strict";
import { test } from "node:test";
import { filterMatches, hasWildcard, parseTopicFilter, topicDepth } from "./topic-filter.ts";

test("well-formed filters are taken apart", () => {
  for (const text of ["a", "/", "a//b", "+", "#", "+/+/#", "a/+/b", "/+", "$SYS/#", "$shared/a", "a/#"]) {
    assert.deepEqual(parseTopicFilter(text), {
      text,
      group: undefined,
      topicFilter: text,
      depth: text.split("/").length,
    });
  }
  assert.deepEqual(parseTopicFilter("$share/g/a/#"), {
    text: "$share/g/a/#",
    group: "g",
    topicFilter: "a/#",
    depth: 4,
  });
  assert.deepEqual(parseTopicFilter("$share/g//"), {
    text: "$share/g//",
    group: "g",
    topicFilter: "/",
    depth: 4,
  });
});

test("ill-formed filters are refused with the reason", () => {
  const refusals: [string, string][] = [
    ["", "empty"],
    ["a\0b", "encoding"],
    ["\ud800", "encoding"],
    ["a+", "wildcard"],
    ["+a", "wildcard"],
    ["a#", "wildcard"],
    ["#/a", "wildcard"],
    ["a/#/b", "wildcard"],
    ["##", "wildcard"],
    ["a/b#", "wildcard"],
    ["$share", "share"],
    ["$share/", "share"],
    ["$share/g", "share"],
    ["$share/g/", "share"],
    ["$share//a", "share"],
    ["$share/+/a", "share"],
    ["$share/g#/a", "share"],
    ["$share/g/a+", "wildcard"],
    ["é".repeat(32768), "too-long"],
  ];
  for (const [text, reason] of refusals) assert.equal(parseTopicFilter(text), reason, JSON.stringify(text));
});

test("filters match as the specification's examples say", () => {
  const cases: [string, string, boolean][] = [
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/#", "sport", true],
    ["#", "sport/tennis", true],
    ["sport/tennis/+", "sport/tennis/player1", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["#", "$SYS/a", false],
    ["+/monitor/Clients", "$SYS/monitor/Clients", false],
    ["$SYS/#", "$SYS/monitor", true],
    ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
    ["ACCOUNTS", "Accounts", false],
    ["a/b", "a", false],
    ["a", "a/b", false],
  ];
  for (const [filter, topic, matches] of cases) {
    assert.equal(filterMatches(filter, topic), matches, `${filter} ${topic}`);
  }
});

test("helpers", () => {
  assert.equal(hasWildcard("a/b"), false);
  assert.equal(hasWildcard("a/+"), true);
  assert.equal(topicDepth(""), 1);
  assert.equal(topicDepth("/a/"), 3);
});
