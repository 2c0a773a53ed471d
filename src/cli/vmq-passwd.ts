import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { VERSION } from "../config/version.ts";
import { textOf } from "../plugin/numbered-lines.ts";
import { deleteUser, hashClearText, PasswordFileError, upsertUser } from "../plugins/passwd/password-file.ts";
import { readSecrets } from "./secret-input.ts";

/** Ends the command: the text is for standard error, the status is 1. */
class PasswordError extends Error {}

interface Options {
  readonly c?: true;
  readonly f?: true;
  readonly D?: true;
  readonly U?: true;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function read(file: string): string {
  try {
    return textOf(readFileSync(file));
  } catch (error) {
    throw new PasswordError(`Error: Unable to open password file ${file}. ${reasonOf(error)}.`);
  }
}

/** Whose file it is to be when root writes it: the owner of the old file, or of the directory of a new one. */
function giveToOwner(fresh: string, model: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(model);
  chownSync(fresh, uid, gid);
}

/**
 * Puts new content in the place of a password file in one step; owner and rights stay. FILE.tmp is a copy of the old
 * file while that goes on.
 */
function replace(named: string, text: string): void {
  // A link stays one: what it leads to is replaced.
  const file = existsSync(named) ? realpathSync(named) : named;
  const backup = `${file}.tmp`;
  const fresh = `${file}.new`;
  try {
    const exists = existsSync(file);
    if (exists) copyFileSync(file, backup);
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
    giveToOwner(fresh, exists ? file : dirname(resolve(file)));
    chmodSync(fresh, exists ? statSync(file).mode & 0o777 : 0o640);
    renameSync(fresh, file);
    rmSync(backup, { force: true });
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new PasswordError(`Error: Unable to write password file ${named}. ${reasonOf(error)}.`);
  }
}

async function askPassword(): Promise<string> {
  const [password = "", again = ""] = await readSecrets(["Password: ", "Reenter password: "]);
  if (password === "") throw new PasswordError("Error: Empty password.");
  if (password !== again) throw new PasswordError("Error: Passwords do not match.");
  return password;
}

function checkUser(user: string): void {
  // Each line is `user:hash`, so neither may be part of a name.
  if (user === "" || /[:\r\n]/.test(user)) {
    throw new PasswordError("Error: Username must not be empty or contain the ':' character.");
  }
}

async function edit(file: string, user: string, { c: create, f: force, D: remove }: Options): Promise<void> {
  checkUser(user);
  if (remove) {
    const { text, found } = deleteUser(read(file), user);
    if (found) replace(file, text);
    else process.stderr.write(`Warning: User ${user} not found in password file.\n`);
    return;
  }
  if (create && existsSync(file)) {
    if (!force) {
      throw new PasswordError(
        `Error: File ${file} already exists. Please use -cf in case you want to overwrite the file`,
      );
    }
    process.stdout.write(`Warning: File ${file} already exists and is overwritten.\n`);
  }
  const present = create ? "" : read(file);
  replace(file, upsertUser(present, user, await askPassword()));
}

async function execute(file: string, user: string | undefined, options: Options): Promise<void> {
  const { c, D, U, f } = options;
  if (f && !c) throw new PasswordError("Error: -f goes with -c only.");
  if ((c && D) || (c && U) || (D && U)) throw new PasswordError("Error: -c, -D and -U exclude each other.");
  if (U) {
    if (user !== undefined) throw new PasswordError("Error: -U takes a password file only.");
    replace(file, hashClearText(read(file)));
    return;
  }
  if (user === undefined) throw new PasswordError("Error: A username is missing. Try vmq-passwd --help.");
  await edit(file, user, options);
}

/** The grammar of `vmq-passwd`. */
export function passwdProgram(
  action: (file: string, user: string | undefined, options: Options) => Promise<void>,
): Command {
  return new Command("vmq-passwd")
    .description(`VerneMQ ${VERSION}: edits password files`)
    .usage("[-c | -D] passwordfile username\n       vmq-passwd -U passwordfile")
    .argument("<passwordfile>")
    .argument("[username]")
    .option("-c", "create a new password file")
    .option("-f", "with -c: overwrite a file that exists")
    .option("-D", "delete the user instead of adding it or changing its password")
    .option("-U", "hash the clear text passwords of a file")
    .showHelpAfterError()
    .exitOverride()
    .action(action);
}

/** `vmq-passwd`: edits password files. Resolves to the exit status. */
export async function vmqPasswd(argv: readonly string[]): Promise<number> {
  const program = passwdProgram(execute);
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof PasswordFileError) {
      process.stderr.write(`Error: ${program.args[0]}, ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof PasswordError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}
