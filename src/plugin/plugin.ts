import type { Logger } from "../log/logger.ts";
import type { Hooks } from "./hook.ts";
import type { TopicDecision } from "./publish-chain.ts";
import type { PluginTimers } from "./runtime.ts";

export type { Logger };

/** What a plugin gets from the broker when it starts. */
export interface PluginContext {
  readonly logger: Logger;
  readonly timers: PluginTimers;
  /** What vernemq.conf says to it: the lines `NAME.KEY = TEXT`, by KEY. Empty for plugins of the broker. */
  readonly settings: Readonly<Record<string, string>>;
  /** To be called when the plugin's decisions about publishing may have changed: sessions then ask again. */
  invalidate(): void;
}

/** A plugin as the broker runs it. It may be started again after it was stopped. */
export interface Plugin {
  readonly name: string;
  readonly hooks: Hooks;
  /** The quick form of `auth_on_publish` and `auth_on_publish_m5`, which must then decide the same. */
  readonly authorizePublish?: TopicDecision;
  /** Called before the first hook. A failure keeps the plugin off. */
  start?(context: PluginContext): void | Promise<void>;
  /** Called after the last hook has been called. */
  stop?(): void | Promise<void>;
  /** Looks at its files now. Resolves to what is wrong with them, each a sentence without its period. */
  reload?(): Promise<readonly string[]>;
}

/** What the configuration says of one plugin. */
export interface PluginSetting {
  readonly name: string;
  readonly enabled: boolean;
  /** `plugins.NAME.path`: folder (or file) of an external plugin. */
  readonly path?: string;
  /** `plugins.NAME.priority`: lower ones are asked first; those without one follow by name. */
  readonly priority?: number;
}

/** A plugin as `vmq-admin plugin show` lists it. */
export interface PluginDescription {
  readonly name: string;
  /** `application`: part of the broker or a package; `module`: a single file. */
  readonly type: "application" | "module";
  readonly hooks: readonly {
    readonly hook: string;
    /** Module, function and number of arguments: `vmq_acl:auth_on_publish/6`. */
    readonly implementation: string;
  }[];
}

/** An operation on plugins that cannot be done; `reason` as the command line prints it. */
export class PluginError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = "PluginError";
    this.reason = reason;
  }
}
