import type { Logger } from "../log/logger.ts";

/** Where deadlines and polling take their time from; tests give one that they move by hand. */
export interface PluginTimers {
  /** Calls back once after so many milliseconds; the returned function cancels that. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The timers of the runtime. They do not keep the process alive. */
const systemTimers: PluginTimers = {
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** What all chains of a node share. */
export interface PluginRuntime {
  readonly logger: Logger;
  readonly timers: PluginTimers;
  /** Milliseconds that an asynchronous implementation may take. */
  readonly deadline: number;
}

/** Milliseconds that an asynchronous hook may take when nothing else is set. */
const DEADLINE = 5000;

/** What the chains of a node need: its logger, and the system's time unless a test brings its own. */
export function createPluginRuntime(logger: Logger, options: Partial<PluginRuntime> = {}): PluginRuntime {
  return { logger, timers: systemTimers, deadline: DEADLINE, ...options };
}

/** Longest text of a plugin's exception that is logged. */
const LONGEST_FAILURE = 300;

/** So many characters of a secret in a row give it away; fewer occur by chance. */
const TELLING = 8;
/** Parts of a longer secret are looked for up to here. */
const SEARCHED = 4096;

/** The text with `***` for the secret, and for parts of it (JSON.parse quotes what is around an error). */
function masked(text: string, secret: string): string {
  if (secret === "") return text;
  const whole = text.replaceAll(secret, "***");
  if (secret.length <= TELLING) return whole;
  const searched = secret.slice(0, SEARCHED);
  let result = "";
  for (let at = 0; at < whole.length; ) {
    let end = at;
    if (searched.includes(whole.slice(at, at + TELLING)) && at + TELLING <= whole.length) {
      end = at + TELLING;
      while (end < whole.length && searched.includes(whole.slice(at, end + 1))) end++;
    }
    result += end === at ? whole.charAt(at) : "***";
    at = Math.max(end, at + 1);
  }
  return result;
}

/**
 * A plugin's exception as one line for the log: its name, message and where it was thrown. A secret that the message
 * repeats (databases like to quote the failing statement) is masked.
 */
export function describeFailure(cause: unknown, secret: string): string {
  let description: string;
  if (cause instanceof Error) {
    const frame = /^\s+at .*$/m.exec(cause.stack ?? "")?.[0].trim() ?? "";
    const message = cause.message.slice(0, LONGEST_FAILURE * 4);
    description = `${cause.name}: ${masked(message, secret)}${frame === "" ? "" : ` (${frame})`}`;
  } else {
    description =
      typeof cause === "string"
        ? masked(cause.slice(0, LONGEST_FAILURE * 4), secret)
        : `threw a value of type ${typeof cause}`;
  }
  return description.slice(0, LONGEST_FAILURE);
}

/** Logs that an implementation misbehaved; a client can cause it again and again, so lines are limited. */
export function logFailure(runtime: PluginRuntime, plugin: string, hook: string, problem: string): void {
  runtime.logger
    .limited("plugin_failed", 10)
    .error("plugin_failed", `plugin ${plugin} failed in hook ${hook}: ${problem}`);
}
