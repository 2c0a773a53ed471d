import type { HookAnswer } from "../../plugin/answer.ts";
import type { Hooks } from "../../plugin/hook.ts";
import type { Plugin, PluginContext } from "../../plugin/plugin.ts";
import { ReloadedFile } from "../../plugin/reloaded-file.ts";
import { parsePasswordFile } from "./password-file.ts";
import { decoyOf, type PasswordHash, verifyPassword } from "./password-hash.ts";

/** The settings of vmq_passwd. */
export interface PasswdOptions {
  /** `vmq_passwd.password_file` */
  readonly file: string;
  /** `vmq_passwd.password_reload_interval`, seconds; 0 to read the file only at the start. */
  readonly reloadInterval: number;
}

interface Login {
  readonly username: string | null;
  readonly password: Buffer | null;
}

/** Lines with problems that are logged one by one. */
const MOST_PROBLEMS = 20;

const OK = Object.freeze({ kind: "ok" });
const NEXT = Object.freeze({ kind: "next" });
const INVALID = Object.freeze({ kind: "error", reason: "invalid_credentials" });

/** vmq_passwd: who may connect, from a file that is read again when it changes. */
export class PasswdPlugin implements Plugin {
  readonly name = "vmq_passwd";
  readonly hooks: Hooks;
  #options: PasswdOptions;
  #users: ReadonlyMap<string, PasswordHash>;
  /** What an unknown user's password is compared with, so that the time does not tell who exists. */
  #decoy: PasswordHash;
  #file: ReloadedFile | null;

  constructor(options: PasswdOptions) {
    this.#options = options;
    this.#users = new Map();
    this.#decoy = decoyOf(undefined);
    this.#file = null;
    const register = (login: Login) => this.#register(login);
    this.hooks = {
      change_config: ({ changed }) => this.#changeConfig(changed),
      auth_on_register: register,
      auth_on_register_m5: register,
    };
  }

  /** Reads the file; until then, and when it cannot be read, this plugin lets nobody in. */
  async start(context: PluginContext): Promise<void> {
    this.#file?.stop();
    this.#users = new Map();
    this.#file = new ReloadedFile(
      { path: this.#options.file, interval: this.#options.reloadInterval },
      context.timers,
      {
        loaded: (text, path) => this.#load(text, path, context),
        unreadable: (path, problem, missing) => {
          const message = `can't read the password file ${path}: ${problem}; ${this.#consequence()}`;
          // A missing file is nothing special while no user has been made.
          if (missing && this.#users.size === 0) context.logger.info("passwd_missing", message);
          else context.logger.error("passwd_unreadable", message);
        },
      },
    );
    await this.#file.start();
  }

  stop(): void {
    this.#file?.stop();
    this.#file = null;
  }

  /** Looks at the file now instead of when the interval is over. */
  async reload(): Promise<void> {
    await this.#file?.check();
  }

  /** Takes new settings; a changed file is read at once. Settles when that is done. */
  async reconfigure(options: PasswdOptions): Promise<void> {
    this.#options = options;
    await this.#file?.reconfigure({ path: options.file, interval: options.reloadInterval });
  }

  #changeConfig(changed: ReadonlyMap<string, unknown>): Promise<void> {
    const file = changed.get("vmq_passwd.password_file");
    const interval = changed.get("vmq_passwd.password_reload_interval");
    if (file === undefined && interval === undefined) return Promise.resolve();
    return this.reconfigure({
      file: typeof file === "string" ? file : this.#options.file,
      reloadInterval: typeof interval === "number" ? interval : this.#options.reloadInterval,
    });
  }

  #load(text: string, path: string, context: PluginContext): void {
    const { users, problems } = parsePasswordFile(text);
    for (const { line, problem } of problems.slice(0, MOST_PROBLEMS)) {
      context.logger.error("passwd_line", `${path}:${line}: ${problem}`);
    }
    if (problems.length > 0) {
      const lines = problems.length === 1 ? "1 bad line" : `${problems.length} bad lines`;
      context.logger.error(
        "passwd_refused",
        `the password file ${path} has ${lines} and is refused as a whole; ${this.#consequence()}`,
      );
      return;
    }
    this.#users = users;
    this.#decoy = decoyOf(costliest(users.values()));
    context.logger.info("passwd_loaded", `the password file ${path} is loaded, ${users.size} users`);
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
