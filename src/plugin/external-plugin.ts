import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isHookName } from "./hook.ts";
import { bindHooks, type LoadedPlugin } from "./loaded-plugin.ts";
import { PluginError } from "./plugin.ts";

/** Names become parts of file names. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;

/** Whether a plugin may have that name. */
function isPluginName(name: string): boolean {
  return name.length <= 128 && NAME.test(name);
}

interface Entry {
  readonly file: string;
  readonly type: LoadedPlugin["type"];
  readonly modified: number;
}

async function modificationTime(file: string): Promise<number | null> {
  try {
    const { mtimeMs } = await stat(file);
    return mtimeMs;
  } catch {
    return null;
  }
}

/** The entry that a package.json names, or null when the folder has none. */
async function packageMain(folder: string): Promise<string | null> {
  let content: string;
  try {
    content = await readFile(join(folder, "package.json"), "utf8");
  } catch {
    return null;
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(content);
  } catch (cause) {
    throw new PluginError(
      "bad_package",
      `${join(folder, "package.json")} is no valid JSON: ${String(cause)}`,
    );
  }
  if (typeof manifest !== "object" || manifest === null || !("main" in manifest)) return null;
  return typeof manifest.main === "string" ? resolve(folder, manifest.main) : null;
}

async function findEntry(name: string, path: string): Promise<Entry> {
  const place = resolve(path);
  const tried: string[] = [];
  const consider = async (file: string, type: Entry["type"]): Promise<Entry | null> => {
    tried.push(file);
    const modified = await modificationTime(file);
    return modified === null ? null : { file, type, modified };
  };
  const isFile = (await stat(place).catch(() => null))?.isFile() ?? false;
  if (isFile) {
    const entry = await consider(place, "module");
    if (entry !== null) return entry;
  }
  for (const file of [join(place, `${name}.js`), join(place, `${name}.mjs`)]) {
    const entry = await consider(file, "module");
    if (entry !== null) return entry;
  }
  const main = await packageMain(place);
  const entry = main === null ? null : await consider(main, "application");
  if (entry !== null) return entry;
  throw new PluginError("plugin_not_found", `no plugin ${name} at ${place}; looked for ${tried.join(", ")}`);
}

function optionalFunction(module: object, name: string, key: string): (context?: unknown) => unknown {
  const value: unknown = Reflect.get(module, key);
  if (value === undefined) return () => undefined;
  if (typeof value !== "function")
    throw new PluginError("bad_plugin", `${key} of plugin ${name} is no function`);
  return (context) => {
    const result: unknown = Reflect.apply(value, undefined, [context]);
    return result;
  };
}

/**
 * Loads a plugin that somebody else wrote: an ES module `NAME.js` or `NAME.mjs` in `path`, or the `main` of its
 * package.json, that exports `hooks` and, if it likes, `start` and `stop`. A file changed since it was last loaded is
 * loaded anew. Throws a `PluginError` that says what is wrong.
 */
export async function loadExternal(name: string, path: string): Promise<LoadedPlugin> {
  if (!isPluginName(name)) {
    throw new PluginError("bad_name", "the name of a plugin is made of letters, digits, _ and -");
  }
  const { file, type, modified } = await findEntry(name, path);
  const address = pathToFileURL(file);
  address.searchParams.set("modified", String(modified));
  let module: unknown;
  try {
    module = await import(address.href);
  } catch (cause) {
    const problem = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new PluginError("load_failed", `${file} cannot be loaded: ${problem}`);
  }
  const hooks: unknown =
    typeof module === "object" && module !== null && "hooks" in module ? module.hooks : undefined;
  if (typeof module !== "object" || module === null || typeof hooks !== "object" || hooks === null) {
    throw new PluginError("bad_plugin", `${file} must export an object named hooks`);
  }
  for (const [hook, implementation] of Object.entries(hooks)) {
    if (!isHookName(hook))
      throw new PluginError("bad_plugin", `${file} has a hook of the unknown name ${hook}`);
    if (typeof implementation !== "function") {
      throw new PluginError("bad_plugin", `hook ${hook} of ${file} is no function`);
    }
  }
  return {
    name,
    type,
    implementations: bindHooks(name, hooks, undefined),
    start: optionalFunction(module, name, "start"),
    stop: optionalFunction(module, name, "stop"),
  };
}
