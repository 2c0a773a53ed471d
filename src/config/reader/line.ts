import { joinKey, splitKey } from "../key.ts";
import { misread } from "./misread.ts";

/** One statement of a configuration file. */
export type Statement =
  | {
      readonly kind: "setting";
      readonly line: number;
      readonly key: string;
      readonly value: string;
      /** A # that touches the value ended it: it may have been meant as a part of it. */
      readonly cut: boolean;
    }
  | { readonly kind: "include"; readonly line: number; readonly path: string }
  | { readonly kind: "error"; readonly line: number; readonly problem: string };

interface Value {
  readonly value: string;
  readonly cut?: boolean;
  /** Where reading goes on, after the line with the end of the value. */
  readonly next: number;
}

type Failure = { readonly problem: string; readonly next: number };

/** The index after the end of the line that `from` lies in. */
function nextLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end + 1;
}

/** The rest of the line after a quoted value, which may only be blanks and a comment. */
function afterQuotes(text: string, value: string, from: number): Value | Failure {
  const next = nextLine(text, from);
  const rest = text.slice(from, next).trim();
  if (rest === "" || rest.startsWith("#")) return { value, next };
  return { problem: `has "${rest}" after the closing quote`, next };
}

/** Within three quotes, lines may follow each other. Of a run of more quotes the last three are the end. */
function tripleQuoted(text: string, from: number): Value | Failure {
  const start = from + 3;
  const end = /'''(?!')/g;
  end.lastIndex = start;
  const found = end.exec(text);
  if (found === null)
    return { problem: "has three quotes that are never closed", next: nextLine(text, from) };
  return afterQuotes(text, text.slice(start, found.index), found.index + 3);
}

function singleQuoted(text: string, from: number): Value | Failure {
  const next = nextLine(text, from);
  const end = text.slice(0, next).indexOf("'", from + 1);
  if (end < 0) return { problem: "has a quote that is never closed", next };
  return afterQuotes(text, text.slice(from + 1, end), end + 1);
}

function readValue(text: string, from: number): Value | Failure {
  if (text.startsWith("'''", from)) return tripleQuoted(text, from);
  if (text.startsWith("'", from)) return singleQuoted(text, from);
  const next = nextLine(text, from);
  const before = text.slice(from, next).replace(/#.*/s, "");
  const value = before.trim();
  if (value === "") return { problem: "has no value; write '' for an empty one", next };
  return { value, cut: text[from + before.length] === "#" && before.trimEnd() === before, next };
}

const INCLUDE = /[ \t]*include[ \t]+([^\s#=]+)[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/y;
const SETTING = /[ \t]*([^\s=#]+)[ \t]*=[ \t]*/y;

function includeStatement(line: number, path: string): Statement {
  if (!/^[A-Za-z0-9._*/-]+$/.test(path)) {
    return {
      kind: "error",
      line,
      problem: `the path ${path} to include has a character that is not allowed`,
    };
  }
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  if (folder.includes("*")) {
    return { kind: "error", line, problem: `the path ${path} to include has a * before its last part` };
  }
  return { kind: "include", line, path };
}

/**
 * The statements of a configuration file, in their order. A line that cannot be read becomes an error, and
 * reading goes on with the next.
 */
export function readStatements(source: string): readonly Statement[] {
  const text = source.startsWith("\uFEFF") ? source.slice(1) : source;
  const statements: Statement[] = [];
  let line = 1;
  for (let position = 0; position < text.length; ) {
    const begin = position;
    position = readStatement(text, begin, line, statements);
    for (let index = begin; index < position; index++) if (text[index] === "\n") line++;
  }
  return statements;
}

/** Reads what begins at `from` and returns where the next line begins. */
function readStatement(text: string, from: number, line: number, statements: Statement[]): number {
  const end = nextLine(text, from);
  const content = text.slice(from, end).trim();
  if (content === "" || content.startsWith("#")) return end;
  INCLUDE.lastIndex = from;
  const include = INCLUDE.exec(text);
  if (include?.[1] !== undefined) {
    statements.push(includeStatement(line, include[1]));
    return end;
  }
  SETTING.lastIndex = from;
  const setting = SETTING.exec(text);
  if (setting?.[1] === undefined) {
    statements.push({ kind: "error", line, problem: misread(content) });
    return end;
  }
  const words = splitKey(setting[1]);
  const read = readValue(text, SETTING.lastIndex);
  if (words === undefined) {
    const problem = `${setting[1]} is not a key: words of letters, digits, _ and - with dots between them`;
    statements.push({ kind: "error", line, problem });
  } else if ("problem" in read) {
    statements.push({ kind: "error", line, problem: `${setting[1]} ${read.problem}` });
  } else {
    const { value, cut = false } = read;
    statements.push({ kind: "setting", line, key: joinKey(words), value, cut });
  }
  return read.next;
}
