import { globSync } from "node:fs";

/** Files of the project that match a pattern, relative to `root`, sorted; without fixtures and dependencies. */
export function sourceFiles(root: string, pattern: string | string[]): string[] {
  return globSync(pattern, { cwd: root })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !/(^|\/)(fixtures|node_modules)\//.test(file))
    .sort();
}
