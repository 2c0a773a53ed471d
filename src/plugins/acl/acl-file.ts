import { encodingProblem, numberedLines } from "../../plugin/numbered-lines.ts";
import type { LineProblem } from "../../plugin/plugin-file.ts";
import { type FilterRefusal, parseTopicFilter } from "../../plugin/topics.ts";
import { type Access, AclRules } from "./acl-rules.ts";

export interface ParsedAcl {
  /** What the good lines say; never more than a file without the bad ones would. */
  readonly rules: AclRules;
  readonly problems: readonly LineProblem[];
}

const REFUSALS: Readonly<Record<FilterRefusal, string>> = {
  empty: "it is empty",
  "too-long": "it is longer than 65535 bytes",
  wildcard: "# must be alone at the last level, and + alone in its level",
  share: "a group and a filter must follow $share",
  encoding: "it contains a character that no topic may have",
};

/** Blanks, tabs and the carriage return of a Windows line end. */
const SURROUNDING = /^[ \t]+|[ \t\r]+$/g;
const STATEMENT = /^(topic|pattern|user)(?:[ \t]+(.*))?$/;
const ACCESS = /^(readwrite|read|write|deny)[ \t]+(.*)$/;

/** What is wrong with the filter of a rule, or null. A rule for shared subscriptions may have `+` as its group. */
function filterProblem(filter: string): string | null {
  const parsed = parseTopicFilter(filter.replace(/^\$share\//, "share/"));
  return typeof parsed === "string" ? REFUSALS[parsed] : null;
}

/**
 * Reads an ACL file, as documented in docs/plugins.md, a line with each step. Never throws. After a line that is no statement at all the
 * `topic` lines up to the next `user` line do not count: the line may have been meant to begin a section.
 */
export function* parseAcl(text: string): Generator<void, ParsedAcl> {
  const rules = new AclRules();
  const problems: LineProblem[] = [];
  /** The user of the section, null for everyone, undefined when that is unknown. */
  let user: string | null | undefined = null;
  for (const [number, raw] of numberedLines(text)) {
    yield;
    const line = raw.replace(SURROUNDING, "");
    if (line === "" || line.startsWith("#")) continue;
    const report = (problem: string) => problems.push({ line: number, problem });
    const statement = STATEMENT.exec(line);
    const word = statement?.[1];
    const foreign = encodingProblem(line);
    if (foreign !== null) {
      if (word !== "topic" && word !== "pattern") user = undefined;
      report(foreign);
      continue;
    }
    const rest = statement?.[2] ?? "";
    if (word === undefined) {
      user = undefined;
      report("a line begins with topic, pattern, user or #");
      continue;
    }
    if (word === "user") {
      user = rest === "" ? undefined : rest;
      if (rest === "") report("user needs a name");
      continue;
    }
    const rule = parseRule(word, rest);
    if (typeof rule === "string") report(rule);
    else if (word === "pattern") rules.addPattern(rule.access, rule.filter);
    else if (user !== undefined) rules.addTopic(user, rule.access, rule.filter);
  }
  return { rules, problems };
}

function parseRule(word: string, rest: string): { access: Access; filter: string } | string {
  const [, named, named_filter] = ACCESS.exec(rest) ?? [];
  if (named === "deny") return "deny is not supported: what no rule allows is refused";
  const filter = named_filter ?? rest;
  if (filter === "") return `${word} needs a topic filter`;
  const problem = filterProblem(filter);
  if (problem !== null)
    return `the topic filter ${JSON.stringify(filter.slice(0, 200))} is not valid: ${problem}`;
  return { access: named === "read" || named === "write" ? named : "both", filter };
}
