import type { HookName } from "./hook.ts";
import { PluginError } from "./plugin.ts";

/** The plugin lists of a listener, as configured; absent: all enabled plugins. */
export interface ListenerPlugins {
  /** The listener type as error texts name it: `mqtt`, `mqtts`, … */
  readonly type: string;
  /** `listener.TYPE.NAME.auth_plugins`: who is asked at registration, in this order. */
  readonly authPlugins?: readonly string[];
  /** `listener.TYPE.NAME.authz_plugins`: who is asked about publishing and subscribing, in this order. */
  readonly authzPlugins?: readonly string[];
}

const AUTHENTICATION: ReadonlySet<HookName> = new Set<HookName>(["auth_on_register", "auth_on_register_m5"]);
const AUTHORISATION: ReadonlySet<HookName> = new Set<HookName>([
  "auth_on_publish",
  "auth_on_publish_m5",
  "auth_on_subscribe",
  "auth_on_subscribe_m5",
]);

/** The names to which a listener restricts a hook, or undefined when it does not. */
export function restriction(hook: HookName, listener: ListenerPlugins): readonly string[] | undefined {
  if (AUTHENTICATION.has(hook)) return listener.authPlugins;
  if (AUTHORISATION.has(hook)) return listener.authzPlugins;
  return undefined;
}

/** Throws a `PluginError` when a list names a plugin twice, or one that is not enabled. */
export function checkListenerPlugins(listener: ListenerPlugins, enabled: ReadonlySet<string>): void {
  const lists = [
    ["auth_plugins", listener.authPlugins],
    ["authz_plugins", listener.authzPlugins],
  ] as const;
  for (const [key, names] of lists) {
    const seen = new Set<string>();
    for (const name of names ?? []) {
      if (seen.has(name)) {
        throw new PluginError(
          "duplicate_plugin",
          `listener ${listener.type} has duplicate plugin in ${key} chain: ${name}`,
        );
      }
      seen.add(name);
      if (!enabled.has(name)) {
        throw new PluginError(
          "unknown_or_disabled_plugin",
          `listener ${listener.type} references unknown or disabled plugin ${name} in ${key} chain`,
        );
      }
    }
  }
}
