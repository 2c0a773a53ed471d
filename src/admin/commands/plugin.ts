import type { Command } from "../command.ts";
import { alert, type Element, table, text } from "../element.ts";
import type { PluginDirectory, PluginHookInfo } from "../ports.ts";

/** `plugin show`. */
export function pluginShow(directory: PluginDirectory): Command {
  return {
    path: ["plugin", "show"],
    summary: "Shows the enabled plugins and their hooks.",
    flags: [
      { name: "plugin", value: "name", help: "only this plugin" },
      { name: "hook", value: "hook", help: "only plugins with this hook, and only this hook" },
      { name: "internal", help: "also shows the hooks inside of the broker" },
    ],
    run: ({ flags }): Element[] => {
      const name = flags.get("plugin");
      const hook = flags.get("hook");
      const shown = (info: PluginHookInfo): boolean =>
        (hook === undefined || info.hook === hook) && (flags.has("internal") || !info.internal);
      const rows: string[][] = [];
      for (const plugin of directory.plugins()) {
        const hooks = plugin.hooks.filter(shown);
        const hidden = hooks.length === 0 && (plugin.hooks.length > 0 || hook !== undefined);
        if (hidden || (name !== undefined && plugin.name !== name)) continue;
        rows.push([
          plugin.name,
          plugin.type,
          hooks.map((info) => info.hook).join("\n"),
          hooks.map((info) => `${info.module}:${info.function}/${info.arity}`).join("\n"),
        ]);
      }
      return [table(["Plugin", "Type", "Hook(s)", "M:F/A"], rows)];
    },
  };
}

const MODULE_FLAGS = [
  {
    name: "module",
    short: "m",
    value: "module",
    help: "accepted for compatibility: hooks of single modules do not exist",
  },
  { name: "function", short: "f", value: "function", help: "see --module" },
  { name: "arity", short: "a", value: "number", help: "see --module" },
  { name: "hook", short: "h", value: "hook", help: "see --module" },
];

const INCOMPLETE = alert("Incomplete plugin specification");

/** `plugin enable`. */
export function pluginEnable(directory: PluginDirectory): Command {
  return {
    path: ["plugin", "enable"],
    summary: "Enables a plugin until the next restart; `plugins.NAME = on` in vernemq.conf does so for good.",
    flags: [
      { name: "name", short: "n", value: "name", help: "the plugin" },
      { name: "path", short: "p", value: "directory", help: "where a plugin of your own lies" },
      ...MODULE_FLAGS,
    ],
    run: async ({ flags }): Promise<Element[]> => {
      const name = flags.get("name");
      if (name === undefined) {
        const module = flags.get("module");
        return [
          module === undefined ? INCOMPLETE : alert(`Can't enable plugin: ${module} due to plugin_not_found`),
        ];
      }
      const failure = await directory.enable(name, flags.get("path"));
      return [failure === undefined ? text("Done") : alert(`Can't enable plugin: ${name} due to ${failure}`)];
    },
  };
}

/** `plugin disable`. */
export function pluginDisable(directory: PluginDirectory): Command {
  return {
    path: ["plugin", "disable"],
    summary: "Disables a plugin until the next restart.",
    flags: [{ name: "name", short: "n", value: "name", help: "the plugin" }, ...MODULE_FLAGS],
    run: async ({ flags }): Promise<Element[]> => {
      const name = flags.get("name");
      if (name === undefined) {
        const module = flags.get("module");
        return [
          module === undefined
            ? INCOMPLETE
            : alert(`Can't disable plugin: ${module} due to plugin_not_found`),
        ];
      }
      const failure = await directory.disable(name);
      return [
        failure === undefined ? text("Done") : alert(`Can't disable plugin: ${name} due to ${failure}`),
      ];
    },
  };
}
