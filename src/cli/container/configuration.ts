import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findKey } from "../../config/key-index.ts";
import type { Overlay } from "../../config/overlay.ts";
import type { Place, Problem } from "../../config/problem.ts";
import { readFiles, type WrittenSetting } from "../../config/reader/files.ts";
import type { Warning } from "../../config/warning.ts";
import { containerAddress, type Network, presentNetwork } from "./address.ts";
import { type ContainerUser, readUsers } from "./users.ts";
import { type ContainerVariables, type Environment, readVariables } from "./variables.ts";

/** The configuration of a container: its file, what its environment adds, and whom it lets in. */
export interface ContainerConfiguration {
  readonly confFile: string;
  readonly overlay: Overlay;
  /** The users of the environment; their names and passwords can stand in a password file. */
  readonly users: readonly ContainerUser[];
}

/** What a container adds to the configuration when nobody says anything about the key. */
interface Default {
  readonly key: string;
  readonly value: string;
  /** What the shipped vernemq.conf has there: that is nobody's wish either. */
  readonly shipped?: string;
}

/** The place of what nobody set. */
const DEFAULT_SOURCE = "default of the container";

const DEFAULT_PORTS = [
  { key: "listener.tcp.default", port: 1883, shipped: "127.0.0.1:1883" },
  { key: "listener.ws.default", port: 8080 },
  { key: "listener.vmq.clustering", port: 44053, shipped: "0.0.0.0:44053" },
  { key: "listener.http.metrics", port: 8888 },
];

/** Further defaults: what is not asked for, and the shipped file says, does not fit a container. */
function defaults(address: string, host: string): readonly Default[] {
  return [
    { key: "nodename", value: `VerneMQ@${host}`, shipped: "VerneMQ@127.0.0.1" },
    { key: "log.console", value: "console", shipped: "file" },
    { key: "erlang.distribution.port_range.minimum", value: "9100" },
    { key: "erlang.distribution.port_range.maximum", value: "9109" },
    ...DEFAULT_PORTS.map(({ port, ...entry }) => ({ ...entry, value: `${address}:${port}` })),
  ];
}

function lacksEffect(key: string): boolean {
  const status = findKey(key)?.option.status ?? { kind: "works" };
  return status.kind !== "works";
}

/** A text that stands for the container's address in vernemq.conf.local. */
const ADDRESS_MARK = "###IPADDRESS###";

/** The first mark of each line becomes the address. */
function withAddress(text: string, address: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(ADDRESS_MARK, () => address))
    .join("\n");
}

function warningsAbout({ discovery, erlang }: ContainerVariables, env: Environment): readonly Warning[] {
  const warnings: Warning[] = [];
  const warn = (reason: string, variables: readonly string[]): void => {
    if (variables.length > 0) warnings.push({ keys: [], text: `${reason}: ${variables.join(", ")}` });
  };
  warn("not in effect yet, because this version lacks the cluster", discovery);
  warn("without effect, because the broker does not use the Erlang runtime", erlang);
  const api = ["API_KEY", "API_KEY_SCOPE"].filter((name) => env[name] !== undefined);
  warn("not in effect yet, because this version lacks API keys", api);
  return warnings;
}

/**
 * The configuration of a container, of which `confFile` is the file. With a `vernemq.conf.local` beside it that one
 * is taken instead, and of the environment only the name of the node. Pure but for reading files.
 */
export function containerConfiguration(
  confFile: string,
  env: Environment,
  network: Network = presentNetwork(),
): ContainerConfiguration {
  const local = `${confFile}.local`;
  const isLocal = existsSync(local);
  const file = isLocal ? local : confFile;
  const place = (source: string): Place => ({ file, line: 0, source });
  const variables = readVariables(env);
  const address = containerAddress(env, network);
  const problems: Problem[] = [];
  if (!address.ok) problems.push({ place: place(address.variable), problem: address.problem });
  const ip = address.ok ? address.address : "0.0.0.0";
  const host = address.ok ? address.host : network.hostName;
  const edit = (text: string): string => withAddress(text, ip);
  const settings: WrittenSetting[] = [];

  const written = new Map(
    readFiles(file, isLocal ? edit : undefined).settings.map(({ key, value }) => [key, value]),
  );
  for (const { key, value, shipped } of defaults(ip, host)) {
    const present = written.get(key);
    const wished = present !== undefined && present !== shipped;
    if (wished || lacksEffect(key) || (isLocal && key !== "nodename")) continue;
    const source =
      env.DOCKER_IP_ADDRESS?.trim() && value.startsWith(ip) ? "DOCKER_IP_ADDRESS" : DEFAULT_SOURCE;
    settings.push({ key, value, place: place(source) });
  }
  const { nodeName } = variables;
  if (nodeName !== undefined) {
    const value = nodeName.includes("@") ? nodeName : `VerneMQ@${nodeName}`;
    settings.push({ key: "nodename", value, place: place("DOCKER_VERNEMQ_NODENAME") });
  }
  const warnings = warningsAbout(variables, env);
  if (isLocal) {
    const ignored = [...variables.settings, ...variables.users].map(({ variable }) => variable);
    const text = `without effect, because ${local} is used instead: ${ignored.join(", ")}`;
    const overlay = { settings, problems, edit };
    return {
      confFile: local,
      overlay: { ...overlay, warnings: ignored.length > 0 ? [...warnings, { keys: [], text }] : warnings },
      users: [],
    };
  }
  for (const { variable, key, value } of variables.settings) {
    settings.push({ key, value, place: place(variable) });
  }
  const users = readUsers(variables.users, join(dirname(confFile), "vernemq.conf"));
  problems.push(...variables.problems, ...users.problems);
  return { confFile, overlay: { settings, problems, warnings }, users: users.users };
}
