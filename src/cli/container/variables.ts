import { findKey } from "../../config/key-index.ts";
import type { Problem } from "../../config/problem.ts";

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that stands for a line of vernemq.conf. */
export interface SettingVariable {
  readonly variable: string;
  readonly key: string;
  readonly value: string;
}

/** A variable with a user of the password file. */
export interface UserVariable {
  readonly variable: string;
  readonly user: string;
  /** As it was written: the password, or `$(<FILE)`. */
  readonly password: string;
}

/** What the environment of a container says to the broker. */
export interface ContainerVariables {
  readonly settings: readonly SettingVariable[];
  readonly users: readonly UserVariable[];
  /** The host part of the node's name, or the whole name. */
  readonly nodeName: string | undefined;
  /** Set variables about finding other nodes. */
  readonly discovery: readonly string[];
  /** Set variables about the Erlang runtime. */
  readonly erlang: readonly string[];
  readonly problems: readonly Problem[];
}

const PREFIX = "DOCKER_VERNEMQ_";
const USER = "USER_";
const NODE_NAME = "NODENAME";

/** Without the prefix: they, and what begins with the last one, tell how to find other nodes. */
const DISCOVERY = ["DISCOVERY_NODE", "DISCOVERY_KUBERNETES", "SWARM", "COMPOSE", "KUBERNETES_"];

function isDiscovery(name: string): boolean {
  return DISCOVERY.some((known) => (known.endsWith("_") ? name.startsWith(known) : name === known));
}

/** Names and values of these are those of the Erlang runtime, not of vernemq.conf: they are not checked. */
function isOfRuntime(key: string): boolean {
  return key.startsWith("erlang.") && findKey(key)?.option.status?.kind !== "later";
}

/**
 * The value of a variable as a value of vernemq.conf. It may stand in one or three single quotes, as in the file, but
 * needs none: what is special to the lines of a file (`#`, line ends) is not special here.
 */
function settingValue(text: string): string {
  const quoted = /^\s*('''|')(.*)\1\s*$/s.exec(text);
  return quoted?.[2] ?? text.trim();
}

/** Two variables, spelt differently, that say different things about the same key or user. */
function contradictions<T extends { readonly variable: string }>(
  entries: readonly T[],
  subject: (entry: T) => string,
  same: (a: T, b: T) => boolean,
): readonly Problem[] {
  const first = new Map<string, T>();
  const problems: Problem[] = [];
  for (const entry of entries) {
    const other = first.get(subject(entry));
    if (other === undefined) first.set(subject(entry), entry);
    else if (!same(entry, other)) {
      const problem = `${other.variable} says something else about ${subject(entry)}`;
      problems.push({ place: placeOf(entry.variable), problem });
    }
  }
  return problems;
}

function placeOf(variable: string): { file: string; line: number; source: string } {
  return { file: "", line: 0, source: variable };
}

/**
 * Reads the `DOCKER_VERNEMQ_…` variables. `DOCKER_VERNEMQ_A__B_C=x` is the line `a.b_c = x`: the prefix goes, what is
 * left of the name becomes lower case, and two underscores become a dot. Variables about users, other nodes and the
 * Erlang runtime are kept apart.
 */
export function readVariables(env: Environment): ContainerVariables {
  const settings: SettingVariable[] = [];
  const users: UserVariable[] = [];
  const discovery: string[] = [];
  const erlang: string[] = [];
  const problems: Problem[] = [];
  let nodeName: string | undefined;
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (!variable.startsWith(PREFIX) || value === undefined) continue;
    const name = variable.slice(PREFIX.length);
    const upper = name.toUpperCase();
    if (isDiscovery(upper)) discovery.push(variable);
    else if (upper === NODE_NAME) nodeName = value.trim();
    else if (upper === "USER" || upper === USER) {
      const problem = `names no user; write ${PREFIX}${USER}NAME=password`;
      problems.push({ place: placeOf(variable), problem });
    } else if (upper.startsWith(USER))
      users.push({ variable, user: name.slice(USER.length).toLowerCase(), password: value });
    else {
      const key = name.toLowerCase().replaceAll("__", ".");
      if (isOfRuntime(key)) erlang.push(variable);
      else settings.push({ variable, key, value: settingValue(value) });
    }
  }
  problems.push(
    ...contradictions(
      settings,
      ({ key }) => key,
      (a, b) => a.value === b.value,
    ),
    ...contradictions(
      users,
      ({ user }) => `user ${user}`,
      (a, b) => a.password === b.password,
    ),
  );
  return { settings, users, nodeName: nodeName === "" ? undefined : nodeName, discovery, erlang, problems };
}
