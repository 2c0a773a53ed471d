/**
 * A plugin in a folder of its own that does what its clients say and writes down how it was called. A client tells it
 * by its user name, see `script`; in enhanced authentication by the authentication data of each packet.
 */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryDirectory } from "./processes.ts";

/** A Buffer in an answer or a call. */
export interface Bytes {
  readonly $bytes: string;
}

export const bytes = (text: string): Bytes => ({ $bytes: text });

/** What the plugin does when a hook is called. */
export type Doing =
  | { readonly kind: "ok" | "next" | "error"; readonly [field: string]: unknown }
  /** Answers when `open` was called with that name. */
  | { readonly $gate: string; readonly answer: Doing }
  | { readonly $throw: string }
  | { readonly $reject: string }
  /** Never answers. */
  | { readonly $hang: true }
  /** Answers something else than plugins should. */
  | { readonly $nonsense: unknown }
  /** The first payload or topic of that text decides, else `otherwise`. */
  | { readonly $when: Readonly<Record<string, Doing>>; readonly otherwise: Doing };

/** By hook, without `_m5`; what is not named is answered with `ok`. */
export type Script = Readonly<Record<string, Doing>>;

/** The user name that makes the plugin act so. */
export const script = (doing: Script): string => JSON.stringify(doing);

/** How a hook was called. */
export interface Call {
  readonly hook: string;
  readonly request: Readonly<Record<string, unknown>>;
}

const SOURCE = `
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";

const FIELDS = ["peer", "subscriberId", "username", "password", "cleanSession", "cleanStart", "connection", "qos",
  "topic", "payload", "retain", "topics", "reason", "properties"];
const file = join(import.meta.dirname, "calls.jsonl");

function plain(value) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString() };
  if (value instanceof Map) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, revive(member)]));
}

async function opened(name) {
  while (!existsSync(join(import.meta.dirname, "gate-" + name))) await new Promise((go) => setTimeout(go, 10));
}

function act(doing, request) {
  if (doing.$when !== undefined) {
    const payload = Buffer.isBuffer(request.payload) ? request.payload.toString() : "";
    return act(doing.$when[payload] ?? doing.$when[request.topic] ?? doing.otherwise, request);
  }
  if (doing.$gate !== undefined) return opened(doing.$gate).then(() => act(doing.answer, request));
  if (doing.$throw !== undefined) throw new Error(doing.$throw);
  if (doing.$reject !== undefined) return Promise.reject(new Error(doing.$reject));
  if (doing.$hang) return new Promise(() => {});
  if (doing.$nonsense !== undefined) return doing.$nonsense;
  return revive(doing);
}

function scriptOf(hook, request) {
  const text = hook === "on_auth_m5" ? request.properties.authenticationData?.toString() : request.username;
  if (typeof text !== "string" || !text.startsWith("{")) return {};
  return JSON.parse(text);
}

function hook(name) {
  return (request) => {
    const given = Object.fromEntries(FIELDS.filter((key) => request[key] !== undefined).map((key) => [key, request[key]]));
    appendFileSync(file, JSON.stringify({ hook: name, request: plain(given) }) + "\\n");
    return act(scriptOf(name, request)[name.replace("_m5", "")] ?? { kind: "ok" }, request);
  };
}

const NAMES = ["auth_on_register", "on_register", "auth_on_publish", "on_publish", "auth_on_subscribe", "on_subscribe",
  "on_unsubscribe", "on_deliver"].flatMap((name) => [name, name + "_m5"]);
NAMES.push("on_auth_m5", "on_topic_unsubscribed", "on_offline_message", "on_client_wakeup", "on_client_offline",
  "on_client_gone", "on_session_expired", "on_message_drop");
export const hooks = Object.fromEntries(NAMES.map((name) => [name, hook(name)]));
hooks.change_config = ({ changed }) => {
  appendFileSync(file, JSON.stringify({ hook: "change_config", request: { changed: [...changed] } }) + "\\n");
};
export function start() {
  appendFileSync(file, JSON.stringify({ hook: "start", request: {} }) + "\\n");
}
export function stop() {
  appendFileSync(file, JSON.stringify({ hook: "stop", request: {} }) + "\\n");
}
`;

function clientIdOf({ request }: Call): unknown {
  const { subscriberId } = request;
  return typeof subscriberId === "object" && subscriberId !== null && "clientId" in subscriberId
    ? subscriberId.clientId
    : undefined;
}

/** The folder of the plugin `scripted`. */
export class ScriptedPlugin {
  readonly directory = temporaryDirectory();
  readonly #file = join(this.directory, "calls.jsonl");

  constructor() {
    writeFileSync(join(this.directory, "scripted.mjs"), SOURCE);
    appendFileSync(this.#file, "");
  }

  /** The lines of the configuration that enable it. */
  get configuration(): Record<string, string> {
    return { "plugins.scripted": "on", "plugins.scripted.path": this.directory };
  }

  /** Lets all answers go that wait at that gate. */
  open(gate: string): void {
    writeFileSync(join(this.directory, `gate-${gate}`), "");
  }

  /** All calls until now, of one client or (undefined) those that belong to none. */
  calls(clientId: string | undefined, hook?: string): Call[] {
    // What follows the last line end is still being written.
    const lines = readFileSync(this.#file, "utf8").split("\n").slice(0, -1).filter(Boolean);
    return lines
      .map((line): Call => JSON.parse(line))
      .filter((call) => clientIdOf(call) === clientId && (hook === undefined || call.hook === hook));
  }

  /** The names of the hooks called for a client, in order. */
  hooks(clientId: string | undefined): string[] {
    return this.calls(clientId).map(({ hook }) => hook);
  }

  /** The request of the `count`th call of a hook, as soon as it comes. */
  async called(clientId: string | undefined, hook: string, count = 1): Promise<Call["request"]> {
    const end = performance.now() + 5_000;
    for (;;) {
      const call = this.calls(clientId, hook)[count - 1];
      if (call !== undefined) return call.request;
      if (performance.now() > end)
        throw new Error(`${hook} not called for ${clientId}; called: ${this.hooks(clientId).join(" ")}`);
      await delay(10);
    }
  }
}
