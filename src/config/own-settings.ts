import { splitKey } from "./key.ts";
import { findKey } from "./key-index.ts";
import type { WrittenSetting } from "./reader/files.ts";
import { allOptions } from "./schema/schema.ts";

/** First words of the broker's own options: below them a plugin has nothing, so that misspelt options are found. */
const taken: ReadonlySet<string> = new Set([...allOptions.keys()].map((key) => key.split(".", 1)[0] ?? key));

/**
 * Which settings are those of plugins that somebody wrote: `NAME.anything`, where `plugins.NAME` or `plugins.NAME.path` is
 * set too. What they mean only the plugin knows.
 */
export function ownSettings(written: readonly WrittenSetting[]): (setting: WrittenSetting) => boolean {
  const plugins = new Set<string>();
  for (const { key } of written) {
    const known = findKey(key);
    const [name] = known?.names ?? [];
    if (known?.pattern.startsWith("plugins.$name") && name !== undefined && !taken.has(name))
      plugins.add(name);
  }
  return ({ key }) => {
    const [name = "", ...rest] = splitKey(key) ?? [];
    return rest.length > 0 && plugins.has(name);
  };
}
