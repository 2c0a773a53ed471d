import type { Configuration } from "./configuration.ts";
import { joinKey } from "./key.ts";
import { findKey, type KnownKey } from "./key-index.ts";
import { formatPlace } from "./problem.ts";

/** Something in a valid configuration that will not do what its author may expect. */
export interface Warning {
  /** The keys concerned, in their order. */
  readonly keys: readonly string[];
  /** The whole warning as one line of text. */
  readonly text: string;
}

/** Whether a setting says nothing else than what happens anyway. */
function isUsual(configuration: Configuration, { key, option }: KnownKey): boolean {
  const render = (text: string) => option.type.render?.(text, configuration.context) ?? text;
  const text = configuration.setting(key)?.text ?? "";
  const usual = [...(option.usual ?? []), ...(option.default === undefined ? [] : [option.default])];
  return usual.some((value) => value === text || render(value) === render(text));
}

function placed(configuration: Configuration, key: string): string {
  const place = configuration.setting(key)?.place;
  return place === undefined ? key : `${key} (${formatPlace(place)})`;
}

/** Listeners without an address that options name all the same: nobody listens there. */
function aboutAddresses(configuration: Configuration): readonly Warning[] {
  const groups = new Map<string, string[]>();
  for (const known of configuration.settings()) {
    const { key, pattern, names } = known;
    const kind = /^listener\.([a-z]+)\.\$name\./.exec(pattern)?.[1];
    if (kind === undefined || isUsual(configuration, known)) continue;
    const address = joinKey(["listener", kind, names[0] ?? ""]);
    if (configuration.setting(address) !== undefined) continue;
    if (findKey(address)?.option.default !== undefined) continue;
    groups.set(address, [...(groups.get(address) ?? []), key]);
  }
  return [...groups].map(([address, keys]) => ({
    keys,
    text: `there is no such listener, because ${address} = IP:PORT is missing: ${keys
      .map((key) => placed(configuration, key))
      .join(", ")}`,
  }));
}

/** What is said about a syslog server without its name: the messages go to the service of this machine. */
function aboutSyslog(configuration: Configuration): readonly Warning[] {
  if (configuration.setting("log.syslog")?.text !== "on") return [];
  if ((configuration.setting("log.syslog.remote.host")?.text ?? "") !== "") return [];
  const keys = configuration
    .settings()
    .filter((known) => known.key.startsWith("log.syslog.remote.") && !isUsual(configuration, known))
    .map(({ key }) => key)
    .filter((key) => key !== "log.syslog.remote.host");
  if (keys.length === 0) return [];
  const names = keys.map((key) => placed(configuration, key)).join(", ");
  return [{ keys, text: `without effect, because log.syslog.remote.host is missing: ${names}` }];
}

/**
 * One warning for each part of the broker that settings ask for and that this version lacks, and one for each
 * reason why settings are only accepted; one for each listener that has options and no address.
 */
export function warningsAbout(configuration: Configuration): readonly Warning[] {
  const groups = new Map<string, string[]>();
  for (const known of configuration.settings()) {
    const status = findKey(known.key)?.option.status ?? { kind: "works" };
    if (status.kind === "works" || isUsual(configuration, known)) continue;
    const reason =
      status.kind === "later"
        ? `not in effect yet, because this version lacks ${status.part}`
        : `without effect: ${status.why}`;
    groups.set(reason, [...(groups.get(reason) ?? []), known.key]);
  }
  const warnings = [...groups].map(([reason, keys]) => ({
    keys,
    text: `${reason}: ${keys.map((key) => placed(configuration, key)).join(", ")}`,
  }));
  return [...warnings, ...aboutAddresses(configuration), ...aboutSyslog(configuration)];
}
