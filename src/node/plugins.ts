import type { Configuration } from "../config/configuration.ts";
import { pluginSettings } from "../config/plugin-settings.ts";
import { allOptions, type Key, schema } from "../config/schema/schema.ts";
import type { Logger } from "../log/logger.ts";
import { PluginManager } from "../plugin/manager.ts";
import type { PluginSetting } from "../plugin/plugin.ts";
import { createPluginRuntime } from "../plugin/runtime.ts";
import { AclPlugin } from "../plugins/acl/acl-plugin.ts";
import { PasswdPlugin } from "../plugins/passwd/passwd-plugin.ts";

/** The plugins of a node. */
export interface NodePlugins {
  readonly manager: PluginManager;
  /** Starts those that the configuration enables; settles when all are started or have failed. */
  start(): Promise<void>;
}

function configuredPlugins(configuration: Configuration): readonly PluginSetting[] {
  const priorities = new Map(
    configuration.named("plugins.$name.priority").map(({ name, value }) => [name, value]),
  );
  return pluginSettings(configuration).map(({ name, enabled, path }) => {
    const priority = priorities.get(name);
    return {
      name,
      enabled,
      ...(path === undefined ? {} : { path }),
      ...(priority === undefined ? {} : { priority }),
    };
  });
}

/**
 * The plugin manager of a node with the plugins that come with the broker, and those of the configuration, none of
 * which is started yet. From now on plugins are told what is changed at run time.
 */
export function createPlugins(configuration: Configuration, log: Logger): NodePlugins {
  const manager = new PluginManager(
    [
      new AclPlugin({
        file: configuration.get("vmq_acl.acl_file"),
        reloadInterval: configuration.get("vmq_acl.acl_reload_interval"),
      }),
      new PasswdPlugin({
        file: configuration.get("vmq_passwd.password_file"),
        reloadInterval: configuration.get("vmq_passwd.password_reload_interval"),
      }),
    ],
    createPluginRuntime(log),
    (name) => configuration.ownSettings(name),
  );
  const keys = Object.keys(schema).filter(isRuntimeKey);
  const texts = new Map(keys.map((key) => [key, configuration.setting(key)?.text]));
  configuration.onChange(keys, () => {
    const changed = new Map<string, unknown>();
    for (const key of keys) {
      const text = configuration.setting(key)?.text;
      if (text === texts.get(key)) continue;
      texts.set(key, text);
      changed.set(key, configuration.get(key));
    }
    if (changed.size > 0) manager.changeConfig(changed);
  });
  return { manager, start: () => manager.start(configuredPlugins(configuration)) };
}

/** Whether a key is that of an option that can be changed at run time. Patterns with free words never can. */
function isRuntimeKey(key: string): key is Key {
  return allOptions.get(key)?.runtime === true && !key.includes("$");
}
