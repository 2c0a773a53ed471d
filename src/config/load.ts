import { resolve } from "node:path";
import { Configuration, type Setting } from "./configuration.ts";
import { type Directories, resolvePath } from "./directories.ts";
import { Doubts, NO_DOUBTS } from "./doubts.ts";
import { joinKey } from "./key.ts";
import { findKey, formerName, type KnownKey, nearestKeys } from "./key-index.ts";
import type { Overlay } from "./overlay.ts";
import { ownSettings } from "./own-settings.ts";
import { pluginSettings } from "./plugin-settings.ts";
import { formatPlace, type Problem } from "./problem.ts";
import { inOrder } from "./problem-order.ts";
import { type ReadFiles, readFiles, type WrittenSetting } from "./reader/files.ts";
import { surprise } from "./reader/misread.ts";
import { type Sources, substitute } from "./reader/substitution.ts";
import { aliases, allOptions } from "./schema/schema.ts";
import { syslogProblems } from "./syslog-rules.ts";
import { wordList } from "./type/list.ts";
import type { ValueContext } from "./type/value-type.ts";
import { type Warning, warningsAbout } from "./warning.ts";

/** What a configuration is loaded from. */
export interface LoadRequest {
  /** The path of vernemq.conf. */
  readonly confFile: string;
  /** The environment variables that values may refer to. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The directories of the installation, as absolute paths. */
  readonly directories: Directories;
  /** Directories that were given on the command line or by the environment: they go before vernemq.conf. */
  readonly given?: Partial<Directories>;
  /** What goes after the files. */
  readonly overlay?: Overlay | undefined;
}

/** A configuration, or everything that is wrong with it. */
export type LoadResult = Loaded | Refused;

interface Loaded {
  readonly ok: true;
  readonly configuration: Configuration;
  readonly warnings: readonly Warning[];
  /** The files with settings or errors, in the order in which they were read. */
  readonly files: readonly string[];
}

interface Refused {
  readonly ok: false;
  readonly errors: readonly Problem[];
  /** The configuration without the settings that are wrong: to look at what it names, not to work with. */
  readonly remainder: Configuration;
  readonly doubts: Doubts;
  readonly files: readonly string[];
}

interface KnownSetting extends WrittenSetting {
  readonly known: KnownKey;
}

/**
 * Loads vernemq.conf and all that it includes. All errors are found and reported together, in the order of the
 * files; nothing is thrown for a bad configuration.
 */
export function loadConfiguration(request: LoadRequest): LoadResult {
  const confFile = resolve(request.confFile);
  const { overlay } = request;
  const files = readFiles(confFile, overlay?.edit);
  const written = [...files.settings, ...(overlay?.settings ?? [])];
  const errors: Problem[] = [...files.problems, ...(overlay?.problems ?? [])];
  const { last, own } = lastOfEach(written, errors);
  const sources = sourcesOf(last, request.env, confFile);
  const texts = new Map<string, Setting>();
  for (const { known, value, place } of last.values()) {
    const expanded = substitute(known.key, value, place.file, sources);
    if (expanded.ok) texts.set(known.key, { text: expanded.value, place });
    else errors.push({ place, key: known.key, problem: expanded.problem });
  }
  const ownTexts = new Map<string, Setting>();
  for (const { key, value, place } of own.values()) {
    const expanded = substitute(key, value, place.file, sources);
    if (expanded.ok) ownTexts.set(key, { text: expanded.value, place });
    else errors.push({ place, key, problem: expanded.problem });
  }
  for (const [former, present] of aliases) {
    const setting = texts.get(former);
    if (setting !== undefined && !texts.has(present)) texts.set(present, setting);
  }
  const directories = effectiveDirectories(request, texts.get("platform_data_dir")?.text);
  const context: ValueContext = { resolvePath: (path) => resolvePath(path, directories) };
  const invalid = invalidValues(texts, context);
  errors.push(...invalid);
  const wrong = errors.length === 0 ? NO_DOUBTS : new Doubts(errors);
  errors.push(...missingPartners(texts, wrong), ...syslogProblems(texts, wrong));
  for (const { key } of invalid) if (key !== undefined) texts.delete(key);
  const wished = request.given?.data === undefined ? texts.get("platform_data_dir") : undefined;
  texts.set("platform_data_dir", { ...wished, text: directories.data });
  const configuration = new Configuration(confFile, directories, texts, ownTexts);
  errors.push(...chainProblems(configuration, wrong));
  const order = [
    ...new Set([...files.settings, ...files.problems].flatMap(({ place }) => place?.file ?? [])),
  ];
  if (errors.length > 0) {
    const doubts = new Doubts(errors);
    return { ok: false, errors: inOrder(errors, order), remainder: configuration, doubts, files: order };
  }
  const cut = [...last.values()].flatMap((setting) => (setting.cut === true ? [aboutCut(setting)] : []));
  const warnings = [
    ...(overlay?.warnings ?? []),
    ...files.absent.map(aboutAbsence),
    ...cut,
    ...aboutRepetitions(files.settings),
    ...[...last.values()].flatMap(aboutSurprise),
    ...warningsAbout(configuration),
  ];
  return { ok: true, configuration, warnings, files: order };
}

/** VerneMQ passes over such a file without a word; but a name that has no * is meant to be there. */
function aboutAbsence({ path, place }: ReadFiles["absent"][number]): Warning {
  return { keys: [], text: `${formatPlace(place)}: nothing is included, because there is no file ${path}` };
}

/** A topic such as `a/#` loses its end without quotes. */
function aboutCut({ known, value, place }: KnownSetting): Warning {
  const shown = known.option.secret === true ? "******" : value;
  const text =
    `${formatPlace(place)}: ${known.key} = ${shown}: what follows is a comment, because # begins one; ` +
    "a value with a # needs single quotes around it";
  return { keys: [known.key], text };
}

/** Two values for one key in one file: the first is without effect, and hard to find. */
function aboutRepetitions(written: readonly WrittenSetting[]): readonly Warning[] {
  const seen = new Map<string, WrittenSetting>();
  const warnings: Warning[] = [];
  for (const setting of written) {
    const { key, value, place } = setting;
    const before = seen.get(`${place.file}\n${key}`);
    seen.set(`${place.file}\n${key}`, setting);
    if (before === undefined || before.value === value) continue;
    const text = `${formatPlace(place)}: ${key} is set in line ${before.place.line} too; the last one counts`;
    warnings.push({ keys: [key], text });
  }
  return warnings;
}

function aboutSurprise({ known, value, place }: KnownSetting): readonly Warning[] {
  const odd = surprise(value);
  // In a password anything may be meant.
  if (odd === undefined || known.option.secret === true) return [];
  return [{ keys: [known.key], text: `${formatPlace(place)}: ${known.key} = ${value}: ${odd}` }];
}

interface LastSettings {
  readonly last: ReadonlyMap<string, KnownSetting>;
  /** Those of plugins that somebody wrote. */
  readonly own: ReadonlyMap<string, WrittenSetting>;
}

/** The last setting of each known key, and of those of plugins; unknown keys become errors. */
function lastOfEach(written: readonly WrittenSetting[], errors: Problem[]): LastSettings {
  const last = new Map<string, KnownSetting>();
  const own = new Map<string, WrittenSetting>();
  const isOwn = ownSettings(written);
  for (const setting of written) {
    const known = findKey(setting.key);
    if (known !== undefined) {
      last.set(known.key, { ...setting, known });
      continue;
    }
    if (isOwn(setting)) {
      own.set(setting.key, setting);
      continue;
    }
    const former = formerName(setting.key);
    const { key, place } = setting;
    if (former !== undefined) errors.push({ place, key, problem: former });
    else errors.push({ place, key, problem: "there is no option of this name", nearest: nearestKeys(key) });
  }
  return { last, own };
}

function sourcesOf(
  last: ReadonlyMap<string, KnownSetting>,
  env: LoadRequest["env"],
  confFile: string,
): Sources {
  return {
    env,
    written(key) {
      const setting = last.get(key);
      if (setting !== undefined) return { value: setting.value, file: setting.place.file };
      const value = allOptions.get(key)?.default;
      return value === undefined ? undefined : { value, file: confFile };
    },
  };
}

function effectiveDirectories(request: LoadRequest, dataDirectory: string | undefined): Directories {
  const { directories, given } = request;
  const data = dataDirectory === undefined ? directories.data : resolvePath(dataDirectory, directories);
  return { ...directories, data, ...given };
}

function invalidValues(texts: ReadonlyMap<string, Setting>, context: ValueContext): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [key, { text, place }] of texts) {
    const known = findKey(key);
    const parsed = known?.option.read(text, context);
    if (known === undefined || parsed === undefined || parsed.ok) continue;
    const odd = surprise(text);
    problems.push({
      ...(place && { place }),
      key,
      value: known.option.secret ? "******" : text,
      problem: odd === undefined ? parsed.problem : `${parsed.problem} (${odd})`,
      allowed: known.option.type.allowed,
      ...(known.pattern.startsWith("listener.") && known.names.length > 0 && { nearest: misspelt(known) }),
    });
  }
  return problems;
}

/** `listener.tcp.max_conections = 5` looks like a listener of that name: the attributes it may have meant. */
function misspelt({ key, pattern }: KnownKey): readonly string[] {
  if (pattern.split(".").length !== 3) return [];
  return nearestKeys(key)
    .filter((near) => allOptions.has(near))
    .slice(0, 1);
}

/** Keys that are of no use without another one. */
function missingPartners(texts: ReadonlyMap<string, Setting>, wrong: Doubts): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [key, { place }] of texts) {
    const match = /^(vmq_webhooks\..+)\.(hook|endpoint)$/.exec(key);
    if (match === null) continue;
    const partner = `${match[1]}.${match[2] === "hook" ? "endpoint" : "hook"}`;
    if (!texts.has(partner) && !wrong.about(partner))
      problems.push({ ...(place && { place }), key, problem: `${partner} is missing` });
  }
  return problems;
}

/** Plugins in the chains of listeners that are not enabled. */
function chainProblems(configuration: Configuration, wrong: Doubts): readonly Problem[] {
  if (wrong.everything) return [];
  const enabled = new Set(
    pluginSettings(configuration)
      .filter((plugin) => plugin.enabled)
      .map(({ name }) => name),
  );
  const problems: Problem[] = [];
  for (const { key, pattern } of configuration.settings()) {
    const setting = configuration.setting(key);
    if (setting === undefined || !/\.\$name\.authz?_plugins$/.test(pattern)) continue;
    const chain = wordList.parse(setting.text, configuration.context);
    const missing = chain.ok
      ? chain.value.filter((name) => !enabled.has(name) && !wrong.about(joinKey(["plugins", name])))
      : [];
    for (const name of missing) {
      problems.push({
        ...(setting.place && { place: setting.place }),
        key,
        value: setting.text,
        problem: `names the plugin ${name}, which is not enabled`,
        allowed: `plugins with plugins.NAME = on (${[...enabled].join(", ")})`,
      });
    }
  }
  return problems;
}
