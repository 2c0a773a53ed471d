import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Problem } from "../../config/problem.ts";
import { readFailure } from "../../config/reader/files.ts";
import { substitute } from "../../config/reader/substitution.ts";
import { createPasswordLine, PasswordFileError } from "../../plugins/passwd/password-file.ts";
import type { UserVariable } from "./variables.ts";

/** A user of the environment. */
export interface ContainerUser {
  readonly variable: string;
  readonly user: string;
  readonly password: string;
}

/**
 * The users with their passwords. A whole value `$(<FILE)` stands for the content of that file; a relative path
 * starts at the directory of `confFile`. The problems hold no passwords.
 */
export function readUsers(
  variables: readonly UserVariable[],
  confFile: string,
): { readonly users: readonly ContainerUser[]; readonly problems: readonly Problem[] } {
  const users: ContainerUser[] = [];
  const problems: Problem[] = [];
  for (const { variable, user, password: written } of variables) {
    const place = { file: confFile, line: 0, source: variable };
    const read = /^\$\(<.+\)$/.test(written)
      ? substitute(variable, written, confFile, { env: {}, written: () => undefined })
      : { ok: true as const, value: written };
    if (!read.ok) {
      problems.push({ place, problem: read.problem });
      continue;
    }
    try {
      createPasswordLine(user, read.value);
      users.push({ variable, user, password: read.value });
    } catch (error) {
      if (!(error instanceof PasswordFileError)) throw error;
      problems.push({ place, problem: error.message });
    }
  }
  return { users, problems };
}

const BEGIN =
  "# The environment of the container sets these users; the lines are written anew at each start.";
const END = "# End of the users of the environment.";

/**
 * The text of a password file with these users at its end, in the place of those that an earlier start put there.
 * They go before earlier lines about the same user.
 */
export function withUsers(fileText: string, users: readonly ContainerUser[]): string {
  const start = fileText.indexOf(BEGIN);
  const end = start < 0 ? -1 : fileText.indexOf(END, start);
  const kept = end < 0 ? fileText : fileText.slice(0, start) + fileText.slice(end + END.length + 1);
  if (users.length === 0) return kept;
  const lines = users.map(({ user, password }) => createPasswordLine(user, password));
  const separator = kept === "" || kept.endsWith("\n") ? "" : "\n";
  return kept + separator + [BEGIN, ...lines, END].map((line) => `${line}\n`).join("");
}

/**
 * Brings the users of the environment into a password file, and takes those out that an earlier start put there.
 * Returns why that was not possible, ready to be shown.
 */
export function writeUsers(file: string, users: readonly ContainerUser[]): string | undefined {
  try {
    const exists = existsSync(file);
    if (!exists && users.length === 0) return undefined;
    const before = exists ? readFileSync(file, "utf8") : "";
    const text = withUsers(before, users);
    if (text !== before) replace(file, text, exists ? statSync(file).mode & 0o777 : 0o640);
    return undefined;
  } catch (error) {
    const names = users.map(({ variable }) => `${variable}, `).join("");
    return (
      `${names}the password file ${file} cannot be written: ${readFailure(error)}; ` +
      "DOCKER_VERNEMQ_VMQ_PASSWD__PASSWORD_FILE=data/vmq.passwd names one that can be"
    );
  }
}

/** In one step where the directory allows it. A file that is mounted by itself can only be written in its place. */
function replace(file: string, text: string, mode: number): void {
  const fresh = `${file}.new`;
  try {
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
    chmodSync(fresh, mode);
    renameSync(fresh, file);
  } catch {
    rmSync(fresh, { force: true });
    writeFileSync(file, text, { mode });
  }
}
