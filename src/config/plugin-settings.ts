import type { Configuration } from "./configuration.ts";

/** What the configuration says about one plugin. */
export interface PluginSetting {
  readonly name: string;
  readonly enabled: boolean;
  /** The directory of a plugin that does not come with the broker. */
  readonly path: string | undefined;
}

/**
 * All plugins that the configuration names, in the order in which they start and are asked: those with a
 * priority first, by that number, then the others by name.
 */
export function pluginSettings(configuration: Configuration): readonly PluginSetting[] {
  const enabled = new Map<string, boolean>([
    ["vmq_acl", configuration.get("plugins.vmq_acl")],
    ["vmq_bridge", configuration.get("plugins.vmq_bridge")],
    ["vmq_diversity", configuration.get("plugins.vmq_diversity")],
    ["vmq_passwd", configuration.get("plugins.vmq_passwd")],
    ["vmq_webhooks", configuration.get("plugins.vmq_webhooks")],
  ]);
  for (const { name, value } of configuration.named("plugins.$name")) enabled.set(name, value ?? false);
  const paths = new Map(configuration.named("plugins.$name.path").map(({ name, value }) => [name, value]));
  const priorities = new Map(
    configuration.named("plugins.$name.priority").map((each) => [each.name, each.value]),
  );
  const priority = (name: string) => priorities.get(name) ?? Infinity;
  return [...enabled.keys()]
    .sort((a, b) => {
      const [first, second] = [priority(a), priority(b)];
      if (first !== second) return first < second ? -1 : 1;
      return a < b ? -1 : 1;
    })
    .map((name) => ({ name, enabled: enabled.get(name) ?? false, path: paths.get(name) }));
}
