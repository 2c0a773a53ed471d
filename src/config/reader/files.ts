import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Place, Problem } from "../problem.ts";
import { readStatements } from "./line.ts";

/** A setting as it was written, before anything in its value is replaced. */
export interface WrittenSetting {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
  /** A # that touches the value ended it. */
  readonly cut?: boolean;
}

/** All settings of a configuration in the order in which they count, and what could not be read. */
export interface ReadFiles {
  readonly settings: readonly WrittenSetting[];
  readonly problems: readonly Problem[];
  /** Files that were to be included by their names and do not exist. */
  readonly absent: readonly { readonly path: string; readonly place: Place }[];
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : String(error);
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "it may not be read (permission denied)"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of its path is not a directory"],
  ["ELOOP", "its symbolic links lead in a circle"],
  ["EPIPE", "it is a pipe, not a file"],
  ["ENODEV", "it is a device, not a file"],
]);

/** What a shell has opened: `--conf <(program)`, or standard input. */
const OPENED = /^\/(?:dev\/(?:fd\/|stdin$)|proc\/)/;

/**
 * The content of a file. One that could be waited for or read for ever is not read: a pipe that no shell has opened, or a
 * device other than /dev/null.
 */
export function contentOf(path: string): Buffer {
  const found = statSync(path);
  const failure = (code: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });
  if (OPENED.test(path)) return readFileSync(path);
  if (found.isFIFO()) throw failure("EPIPE");
  if (found.isCharacterDevice() && found.rdev !== statSync("/dev/null").rdev) throw failure("ENODEV");
  return readFileSync(path);
}

/** Why a file could not be read, in words. */
export function readFailure(error: unknown): string {
  const code = errorCode(error);
  return reasons.get(code) ?? code;
}

/** The lines, from 1, with bytes that are no UTF-8 and that do not stand in a comment line. */
function foreignLines(content: Buffer): readonly number[] {
  if (isUtf8(content)) return [];
  const lines: number[] = [];
  for (let start = 0, line = 1; start < content.length; line++) {
    const newline = content.indexOf(0x0a, start);
    const end = newline < 0 ? content.length : newline;
    const bytes = content.subarray(start, end);
    if (!isUtf8(bytes) && !bytes.toString("latin1").trimStart().startsWith("#")) lines.push(line);
    start = end + 1;
  }
  return lines;
}

/** A text of two bytes for each character, as some editors write it. */
function isUtf16(content: Buffer): boolean {
  const mark = content.subarray(0, 2).toString("hex");
  return mark === "fffe" || mark === "feff";
}

/** The files that an include names, in the order of their names; none when there is no such file. */
function includedFiles(pattern: string): readonly string[] {
  const folder = dirname(pattern);
  const name = pattern.slice(pattern.lastIndexOf("/") + 1);
  if (!name.includes("*")) return [pattern];
  const expression = new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && expression.test(entry.name))
      .filter((entry) => !entry.name.startsWith(".") || name.startsWith("."))
      .map((entry) => join(folder, entry.name))
      .sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/**
 * Reads a configuration file and all that it includes. A file to include that does not exist is passed over and noted;
 * one that includes itself, or that exists and cannot be read, is a problem. `edit` changes the text of the
 * configuration file, but of none that it includes, before it is read.
 */
export function readFiles(confFile: string, edit: (text: string) => string = (text) => text): ReadFiles {
  const settings: WrittenSetting[] = [];
  const problems: Problem[] = [];
  const absent: { path: string; place: Place }[] = [];

  function include(pattern: string, place: Place, open: readonly string[]): void {
    try {
      for (const path of includedFiles(pattern)) read(path, place, open);
    } catch (error) {
      problems.push({ place, problem: `${pattern} cannot be included: ${readFailure(error)}` });
    }
  }

  function read(path: string, from: Place | undefined, open: readonly string[]): void {
    if (from !== undefined && open.includes(path)) {
      problems.push({ place: from, problem: `${path} includes itself` });
      return;
    }
    let text: string;
    try {
      const content = contentOf(path);
      if (isUtf16(content)) {
        problems.push({ place: { file: path, line: 1 }, problem: "the file is UTF-16; save it as UTF-8" });
        return;
      }
      text = content.toString("utf8");
      for (const line of foreignLines(content)) {
        problems.push({ place: { file: path, line }, problem: "the line is not UTF-8" });
      }
    } catch (error) {
      if (from !== undefined && errorCode(error) === "ENOENT") {
        absent.push({ path, place: from });
        return;
      }
      const problem = `${path} cannot be read: ${readFailure(error)}`;
      problems.push(from === undefined ? { problem } : { place: from, problem });
      return;
    }
    for (const statement of readStatements(from === undefined ? edit(text) : text)) {
      const place = { file: path, line: statement.line };
      if (statement.kind === "error") problems.push({ place, problem: statement.problem });
      else if (statement.kind === "setting")
        settings.push({ key: statement.key, value: statement.value, place, cut: statement.cut });
      else {
        const target = isAbsolute(statement.path) ? statement.path : join(dirname(path), statement.path);
        include(target, place, [...open, path]);
      }
    }
  }

  read(confFile, undefined, []);
  return { settings, problems, absent };
}
