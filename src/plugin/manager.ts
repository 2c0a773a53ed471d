import { nearest } from "../config/distance.ts";
import { createChains, createEventChains, type HookChains } from "./chains.ts";
import { loadExternal } from "./external-plugin.ts";
import { HOOK_NAMES, type HookName } from "./hook.ts";
import { checkListenerPlugins, type ListenerPlugins, restriction } from "./listener-chains.ts";
import { describePlugin, type LoadedPlugin, loadBundled } from "./loaded-plugin.ts";
import {
  type Plugin,
  type PluginContext,
  type PluginDescription,
  PluginError,
  type PluginSetting,
} from "./plugin.ts";
import type { PublishImplementation } from "./publish-chain.ts";
import { describeFailure, type PluginRuntime } from "./runtime.ts";

/** Milliseconds that a plugin may take to start or stop. */
const START_DEADLINE = 30_000;

/** Plugins of VerneMQ that a later version of this broker brings. */
const NOT_INCLUDED: ReadonlySet<string> = new Set([
  "vmq_diversity",
  "vmq_webhooks",
  "vmq_bridge",
  "vmq_http_pub",
  "vmq_web_ui",
]);

/** Why a plugin without a path cannot be started, if its name is none that the broker brings. */
export function unknownPlugin(name: string, bundled: readonly string[]): string | undefined {
  if (bundled.includes(name) || NOT_INCLUDED.has(name)) return undefined;
  const [near] = nearest(name, [...bundled, ...NOT_INCLUDED], 1);
  return `${near === undefined ? "" : `did you mean ${near}? `}an external one needs plugins.${name}.path`;
}

interface ChainSet {
  readonly listener: ListenerPlugins;
  readonly chains: HookChains;
}

/** Sorts as VerneMQ does: those with a priority first, ascending; then the others by name. */
function byPriority(a: PluginSetting, b: PluginSetting): number {
  const first = a.priority ?? Number.POSITIVE_INFINITY;
  const second = b.priority ?? Number.POSITIVE_INFINITY;
  if (first !== second) return first < second ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Knows the plugins of a node, switches them on and off, and keeps the chains of all listeners current. */
export class PluginManager {
  /** The chains of listeners without plugin lists of their own. */
  readonly chains: HookChains;
  readonly #runtime: PluginRuntime;
  readonly #settingsOf: (name: string) => Readonly<Record<string, string>>;
  readonly #bundled: ReadonlyMap<string, Plugin>;
  /** Enabled plugins in the order in which they are asked. */
  #enabled: readonly LoadedPlugin[];
  readonly #sets: Map<string, ChainSet>;
  /** The last operation: they run one after the other. */
  #last: Promise<void>;

  /**
   * `bundled`: the plugins that are part of the broker, enabled or not. `settingsOf`: what the configuration says to one of
   * the others.
   */
  constructor(
    bundled: readonly Plugin[],
    runtime: PluginRuntime,
    settingsOf: (name: string) => Readonly<Record<string, string>> = () => ({}),
  ) {
    this.#runtime = runtime;
    this.#settingsOf = settingsOf;
    this.#bundled = new Map(bundled.map((plugin) => [plugin.name, plugin]));
    this.#enabled = [];
    this.chains = createChains(createEventChains(runtime), runtime);
    this.#sets = new Map([["", { listener: { type: "" }, chains: this.chains }]]);
    this.#last = Promise.resolve();
  }

  /**
   * Starts the plugins that the configuration enables. One that cannot start is logged and left out: it authorises
   * nothing. Settles when all are started or have failed.
   */
  start(settings: readonly PluginSetting[]): Promise<void> {
    return this.#exclusively(async () => {
      for (const setting of settings.filter(({ enabled }) => enabled).sort(byPriority)) {
        try {
          await this.#enable(setting.name, setting.path);
        } catch (cause) {
          this.#runtime.logger.warning(
            "plugin_not_started",
            `could not start plugin ${setting.name} due to ${failureText(cause)}`,
          );
        }
      }
    });
  }

  /**
   * Starts a plugin at run time; it is asked after those already enabled. Rejects with a `PluginError`, reason
   * `already_enabled`, `plugin_not_found` or what kept it from starting.
   */
  enable(name: string, path?: string): Promise<void> {
    return this.#exclusively(() => this.#enable(name, path));
  }

  /** Takes a plugin out of all chains and stops it. Rejects with a `PluginError`, reason `plugin_not_found`. */
  disable(name: string): Promise<void> {
    return this.#exclusively(async () => {
      const plugin = this.#enabled.find((enabled) => enabled.name === name);
      if (plugin === undefined) throw new PluginError("plugin_not_found", `plugin ${name} is not enabled`);
      this.#enabled = this.#enabled.filter((enabled) => enabled !== plugin);
      this.#rebuild();
      await this.#stop(plugin);
    });
  }

  /** Stops all plugins, the last one first. */
  stop(): Promise<void> {
    return this.#exclusively(async () => {
      const plugins = this.#enabled;
      this.#enabled = [];
      this.#rebuild();
      for (const plugin of plugins.toReversed()) await this.#stop(plugin);
    });
  }

  /**
   * The chains for a listener, restricted to its plugin lists and in their order. They stay current: a plugin disabled
   * later drops out, so what only it allowed is refused. Throws a `PluginError` for an unknown, disabled or repeated
   * plugin.
   */
  chainsFor(listener: ListenerPlugins): HookChains {
    const { authPlugins, authzPlugins } = listener;
    if (authPlugins === undefined && authzPlugins === undefined) return this.chains;
    checkListenerPlugins(listener, new Set(this.#enabled.map(({ name }) => name)));
    const key = JSON.stringify([authPlugins ?? null, authzPlugins ?? null]);
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = { listener, chains: createChains(this.chains, this.#runtime) };
      this.#fill(set);
      this.#sets.set(key, set);
    }
    return set.chains;
  }

  /** The enabled plugins in the order in which they are asked. */
  list(): PluginDescription[] {
    return this.#enabled.map(describePlugin);
  }

  /** Tells all plugins, bundled ones also while they are off, that settings have changed at run time. */
  changeConfig(changed: ReadonlyMap<string, unknown>): void {
    this.chains.change_config.run({ changed });
    const enabled = new Set(this.#enabled.map(({ name }) => name));
    for (const plugin of this.#bundled.values()) {
      if (!enabled.has(plugin.name)) plugin.hooks.change_config?.({ changed });
    }
  }

  /** Lets the enabled plugins look at their files now. Resolves to what is wrong with them. */
  async reload(): Promise<readonly string[]> {
    const problems = await Promise.all(
      this.#enabled.map((plugin) => plugin.reload?.() ?? Promise.resolve([])),
    );
    return problems.flat();
  }

  async #enable(name: string, path: string | undefined): Promise<void> {
    if (this.#enabled.some((enabled) => enabled.name === name)) {
      throw new PluginError("already_enabled", `plugin ${name} is already enabled`);
    }
    const plugin = await this.#load(name, path);
    await this.#inTime(plugin, "start", () => plugin.start(this.#context(name)));
    this.#enabled = [...this.#enabled, plugin];
    this.#rebuild();
    this.#runtime.logger.info("plugin_enabled", `plugin ${name} is enabled`);
  }

  #load(name: string, path: string | undefined): LoadedPlugin | Promise<LoadedPlugin> {
    if (path !== undefined) return loadExternal(name, path);
    const bundled = this.#bundled.get(name);
    if (bundled !== undefined) return loadBundled(bundled);
    if (NOT_INCLUDED.has(name)) {
      throw new PluginError(
        "not_included",
        "this version does not contain it; nothing is authenticated or authorised by it",
      );
    }
    throw new PluginError(
      "plugin_not_found",
      `plugin_not_found (${unknownPlugin(name, [...this.#bundled.keys()])})`,
    );
  }

  #context(name: string): PluginContext {
    const { logger, timers } = this.#runtime;
    return {
      logger,
      timers,
      settings: this.#settingsOf(name),
      invalidate: () => {
        for (const { chains } of this.#sets.values()) {
          chains.auth_on_publish.invalidate();
          chains.auth_on_publish_m5.invalidate();
        }
        logger.debug("plugin_invalidated", `plugin ${name} may decide otherwise from now on`);
      },
    };
  }

  async #stop(plugin: LoadedPlugin): Promise<void> {
    try {
      await this.#inTime(plugin, "stop", () => plugin.stop());
      this.#runtime.logger.info("plugin_disabled", `plugin ${plugin.name} is disabled`);
    } catch (cause) {
      this.#runtime.logger.warning(
        "plugin_not_stopped",
        `could not stop plugin ${plugin.name} properly due to ${failureText(cause)}`,
      );
    }
  }

  /** Runs a start or stop function with a deadline. */
  async #inTime(plugin: LoadedPlugin, what: string, run: () => unknown): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const cancel = this.#runtime.timers.after(START_DEADLINE, () =>
      reject(new PluginError("timeout", `its ${what} function did not end within ${START_DEADLINE} ms`)),
    );
    try {
      await Promise.race([promise, run()]);
    } catch (cause) {
      if (cause instanceof PluginError) throw cause;
      throw new PluginError(`${what}_failed`, `${plugin.name}: ${describeFailure(cause, "")}`);
    } finally {
      cancel();
    }
  }

  #rebuild(): void {
    for (const set of this.#sets.values()) this.#fill(set);
  }

  #fill({ listener, chains }: ChainSet): void {
    for (const hook of HOOK_NAMES) chains[hook].replace(this.#implementations(hook, listener));
  }

  #implementations(hook: HookName, listener: ListenerPlugins): PublishImplementation<unknown>[] {
    const names = restriction(hook, listener);
    const plugins =
      names === undefined
        ? this.#enabled
        : names.flatMap((name) => this.#enabled.filter((plugin) => plugin.name === name));
    return plugins.flatMap((plugin) => plugin.implementations.get(hook) ?? []);
  }

  #exclusively(operation: () => Promise<void>): Promise<void> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {});
    return result;
  }
}

function failureText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
