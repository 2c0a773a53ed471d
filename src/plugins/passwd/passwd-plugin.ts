import type { HookAnswer } from "../../plugin/answer.ts";
import type { Hooks } from "../../plugin/hook.ts";
import type { Plugin, PluginContext } from "../../plugin/plugin.ts";
import { logProblems, PluginFile, type PluginFileOptions } from "../../plugin/plugin-file.ts";
import { type ParsedPasswordFile, parsePasswordFile } from "./password-file.ts";
import { decoyOf, type PasswordHash, verifyPassword } from "./password-hash.ts";

interface Login {
  readonly username: string | null;
  readonly password: Buffer | null;
}

const OK = Object.freeze({ kind: "ok" });
const NEXT = Object.freeze({ kind: "next" });
const INVALID = Object.freeze({ kind: "error", reason: "invalid_credentials" });

/** vmq_passwd: who may connect, from a file that is read again when it changes. */
export class PasswdPlugin implements Plugin {
  readonly name = "vmq_passwd";
  readonly hooks: Hooks;
  readonly #file: PluginFile;
  #users: ReadonlyMap<string, PasswordHash>;
  /** What an unknown user's password is compared with, so that the time does not tell who exists. */
  #decoy: PasswordHash;

  /** `vmq_passwd.password_file` and `vmq_passwd.password_reload_interval` */
  constructor(options: PluginFileOptions) {
    this.#file = new PluginFile(options, {
      file: "vmq_passwd.password_file",
      reloadInterval: "vmq_passwd.password_reload_interval",
    });
    this.#users = new Map();
    this.#decoy = decoyOf(undefined);
    const register = (login: Login) => this.#register(login);
    this.hooks = {
      change_config: ({ changed }) => this.#file.changeConfig(changed),
      auth_on_register: register,
      auth_on_register_m5: register,
    };
  }

  /** Reads the file; until then, and when it cannot be read, this plugin lets nobody in. */
  async start(context: PluginContext): Promise<void> {
    this.#users = new Map();
    await this.#file.start(context, {
      parse: parsePasswordFile,
      loaded: (parsed, path) => this.#load(parsed, path, context),
      unreadable: (path, problem, missing) => {
        const message = `can't read the password file ${path}: ${problem}; ${this.#consequence()}`;
        // A missing file is nothing special while no user has been made.
        if (missing && this.#users.size === 0) {
          context.logger.info("passwd_missing", message);
          return [];
        }
        context.logger.error("passwd_unreadable", message);
        return [message];
      },
    });
  }

  stop(): void {
    this.#file.stop();
  }

  /** Looks at the file now instead of when the interval is over. */
  reload(): Promise<readonly string[]> {
    return this.#file.reload();
  }

  #load({ users, problems }: ParsedPasswordFile, path: string, context: PluginContext): readonly string[] {
    if (problems.length > 0) {
      const { count, lines } = logProblems(context.logger, "passwd_line", path, problems);
      const refusal = `the password file ${path} has ${count} and is refused as a whole; ${this.#consequence()}`;
      context.logger.error("passwd_refused", refusal);
      return [...lines, refusal];
    }
    this.#users = users;
    this.#decoy = decoyOf(costliest(users.values()));
    context.logger.info("passwd_loaded", `the password file ${path} is loaded, users: ${users.size}`);
    return [];
  }

  #consequence(): string {
    return this.#users.size > 0 ? "the users read before stay" : "it lets nobody in";
  }

  #register({ username, password }: Login): HookAnswer<never> | Promise<HookAnswer<never>> {
    if (username === null || password === null) return NEXT;
    const stored = this.#users.get(username);
    const verdict = verifyPassword(stored ?? this.#decoy, password);
    const answer = (right: boolean) => (stored === undefined ? NEXT : right ? OK : INVALID);
    return typeof verdict === "boolean" ? answer(verdict) : verdict.then(answer);
  }
}

/** The entry that takes longest to verify. */
function costliest(all: Iterable<PasswordHash>): PasswordHash | undefined {
  let most: PasswordHash | undefined;
  for (const one of all) if (most === undefined || cost(one) > cost(most)) most = one;
  return most;
}

function cost(stored: PasswordHash): number {
  return stored.kind === "pbkdf2" ? stored.iterations : 0;
}
