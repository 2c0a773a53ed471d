import { HOOK_ARITY, HOOK_NAMES, type HookName } from "./hook.ts";
import type { Plugin, PluginContext, PluginDescription } from "./plugin.ts";
import type { PublishImplementation, TopicDecision } from "./publish-chain.ts";

/** A plugin with its hooks bound, whether bundled or from a foreign module. */
export interface LoadedPlugin {
  readonly name: string;
  readonly type: PluginDescription["type"];
  readonly implementations: ReadonlyMap<HookName, PublishImplementation<unknown>>;
  start(context: PluginContext): unknown;
  stop(): unknown;
  /** Only plugins that are part of the broker have files of their own that it knows of. */
  reload?(): Promise<readonly string[]>;
}

/** The hooks of `hooks`, an object that may come from a foreign module, as implementations. */
export function bindHooks(
  plugin: string,
  hooks: object,
  authorizePublish: TopicDecision | undefined,
): Map<HookName, PublishImplementation<unknown>> {
  const implementations = new Map<HookName, PublishImplementation<unknown>>();
  for (const hook of HOOK_NAMES) {
    const implementation: unknown = Reflect.get(hooks, hook);
    if (typeof implementation !== "function") continue;
    const call = (request: unknown): unknown => Reflect.apply(implementation, hooks, [request]);
    implementations.set(
      hook,
      authorizePublish === undefined ? { plugin, call } : { plugin, call, decide: authorizePublish },
    );
  }
  return implementations;
}

/** A plugin that is part of the broker. */
export function loadBundled(plugin: Plugin): LoadedPlugin {
  return {
    name: plugin.name,
    type: "application",
    implementations: bindHooks(plugin.name, plugin.hooks, plugin.authorizePublish),
    start: (context) => plugin.start?.(context),
    stop: () => plugin.stop?.(),
    reload: () => plugin.reload?.() ?? Promise.resolve([]),
  };
}

/** How the plugin looks in `vmq-admin plugin show`. */
export function describePlugin({ name, type, implementations }: LoadedPlugin): PluginDescription {
  return {
    name,
    type,
    hooks: [...implementations.keys()].map((hook) => ({
      hook,
      implementation: `${name}:${hook}/${HOOK_ARITY[hook]}`,
    })),
  };
}
