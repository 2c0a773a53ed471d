import { HOOK_ARITY, isHookName } from "../plugin/hook.ts";
import { type PluginDescription, PluginError } from "../plugin/plugin.ts";
import type { NodeParts } from "./running-node.ts";

/** A hook of a plugin as `vmq-admin plugin show` has it. */
export interface PluginHook {
  readonly hook: string;
  readonly module: string;
  readonly function: string;
  readonly arity: number;
  readonly internal: boolean;
}

export interface PluginEntry {
  readonly name: string;
  readonly type: PluginDescription["type"];
  readonly hooks: readonly PluginHook[];
}

/** The plugins of a node, for commands. */
export interface PluginDirectory {
  /** The enabled plugins in the order in which they are asked. */
  plugins(): Iterable<PluginEntry>;
  /** Undefined when it went well, else the reason as a word; of a plugin at `path` with what is wrong there. */
  enable(name: string, path: string | undefined): Promise<string | undefined>;
  /** Undefined when it went well, else the reason as a word. */
  disable(name: string): Promise<string | undefined>;
}

export function pluginDirectory({ plugins }: Pick<NodeParts, "plugins">): PluginDirectory {
  return {
    plugins: () =>
      plugins.list().map(({ name, type, hooks }) => ({
        name,
        type,
        hooks: hooks.map(({ hook }) => hookOf(name, hook)),
      })),
    enable: (name, path) => failureOf(plugins.enable(name, path), path !== undefined),
    disable: (name) => failureOf(plugins.disable(name), false),
  };
}

function hookOf(plugin: string, hook: string): PluginHook {
  const arity = isHookName(hook) ? HOOK_ARITY[hook] : 0;
  return { hook, module: plugin, function: hook, arity, internal: hook === "change_config" };
}

async function failureOf(operation: Promise<void>, inFull: boolean): Promise<string | undefined> {
  try {
    await operation;
    return undefined;
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const { reason, message } = error;
    return inFull && reason !== "already_enabled" ? `${reason} (${message})` : reason;
  }
}
