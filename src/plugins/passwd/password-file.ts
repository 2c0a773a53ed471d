import { encodingProblem, numberedLines } from "../../plugin/numbered-lines.ts";
import type { LineProblem } from "../../plugin/plugin-file.ts";
import { hashPassword, type PasswordHash, parsePasswordHash } from "./password-hash.ts";

/** A user name, a password or a file that cannot be used; the message says why and holds no password. */
export class PasswordFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PasswordFileError";
  }
}

/** The longest user name that fits into CONNECT, in bytes. */
const LONGEST_NAME = 0xffff;

type Line =
  | { readonly kind: "blank" }
  | { readonly kind: "user"; readonly user: string; readonly stored: string }
  | { readonly kind: "bad"; readonly problem: string };

function readLine(raw: string): Line {
  const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
  if (/^[ \t]*$/.test(line)) return { kind: "blank" };
  const colon = line.indexOf(":");
  const stored = line.slice(colon + 1);
  if (line.startsWith("#") && (colon === -1 || parsePasswordHash(stored) === null)) return { kind: "blank" };
  const foreign = encodingProblem(line);
  if (foreign !== null) return { kind: "bad", problem: foreign };
  if (colon === -1) return { kind: "bad", problem: "a line must be username:password-hash" };
  if (colon === 0) return { kind: "bad", problem: "the user name is empty" };
  return { kind: "user", user: line.slice(0, colon), stored };
}

/** What a password file says. */
export interface ParsedPasswordFile {
  readonly users: ReadonlyMap<string, PasswordHash>;
  readonly problems: readonly LineProblem[];
}

/**
 * Reads a password file, as documented in docs/plugins.md, a line with each step. Never throws. Of several lines for
 * one user the last counts.
 */
export function* parsePasswordFile(text: string): Generator<void, ParsedPasswordFile> {
  const users = new Map<string, PasswordHash>();
  const problems: LineProblem[] = [];
  for (const [number, raw] of numberedLines(text)) {
    yield;
    const line = readLine(raw);
    if (line.kind === "bad") problems.push({ line: number, problem: line.problem });
    if (line.kind !== "user") continue;
    const stored = parsePasswordHash(line.stored);
    if (stored !== null) users.set(line.user, stored);
    else {
      problems.push({
        line: number,
        problem: "the password is not in the form $6$SALT$HASH (vmq-passwd -U hashes clear text ones)",
      });
    }
  }
  return { users, problems };
}

/**
 * A line for a password file, without line end. Throws a `PasswordFileError` for an empty password or a user name
 * that the file cannot hold.
 */
export function createPasswordLine(username: string, password: string): string {
  if (username === "") throw new PasswordFileError("The user name is empty.");
  if (username.includes(":")) throw new PasswordFileError("A user name must not contain a colon.");
  if (username.startsWith("#")) throw new PasswordFileError("A user name must not start with #.");
  if (username.startsWith("\ufeff"))
    throw new PasswordFileError("A user name must not start with a byte order mark.");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(username) || !username.isWellFormed()) {
    throw new PasswordFileError("A user name must not contain control characters.");
  }
  if (Buffer.byteLength(username) > LONGEST_NAME) throw new PasswordFileError("The user name is too long.");
  if (password === "") throw new PasswordFileError("Empty password.");
  return `${username}:${hashPassword(password)}`;
}

/** Throws a `PasswordFileError` for a line that could not be written again as it is. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [index, line] of lines.entries()) {
    const problem = encodingProblem(line);
    if (problem !== null) throw new PasswordFileError(`line ${index + 1}: ${problem}`);
  }
  return lines;
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function isLineOf(raw: string, user: string): boolean {
  const line = readLine(raw);
  return line.kind === "user" && line.user === user;
}

/**
 * The file with a new password for the user, in the place of the old one or at the end. Other lines stay as they are.
 * Throws a `PasswordFileError` when user or password cannot be in it, or when the file is not UTF-8.
 */
export function upsertUser(fileText: string, user: string, password: string): string {
  const added = createPasswordLine(user, password);
  const lines = linesOf(fileText);
  const first = lines.findIndex((line) => isLineOf(line, user));
  if (first === -1) return textOf([...lines, added]);
  return textOf(lines.flatMap((line, index) => (index === first ? added : isLineOf(line, user) ? [] : line)));
}

/** The file without the user, and whether it was in. Throws a `PasswordFileError` when the file is not UTF-8. */
export function deleteUser(
  fileText: string,
  user: string,
): { readonly text: string; readonly found: boolean } {
  const lines = linesOf(fileText);
  const kept = lines.filter((line) => !isLineOf(line, user));
  const found = kept.length < lines.length;
  return { text: found ? textOf(kept) : fileText, found };
}

/**
 * The file with all clear text passwords (`username:password`) hashed; lines already hashed stay as they are. Throws
 * a `PasswordFileError` that names the line when one cannot be understood: then nothing is to be written.
 */
export function hashClearText(fileText: string): string {
  const lines = linesOf(fileText).map((raw, index) => {
    const line = readLine(raw);
    if (line.kind === "bad") throw new PasswordFileError(`line ${index + 1}: ${line.problem}`);
    if (line.kind === "blank" || parsePasswordHash(line.stored) !== null) return raw;
    try {
      return createPasswordLine(line.user, line.stored);
    } catch (cause) {
      if (cause instanceof PasswordFileError)
        throw new PasswordFileError(`line ${index + 1}: ${cause.message}`);
      throw cause;
    }
  });
  return textOf(lines);
}
