import type { Option, Options } from "../option.ts";
import { runtimeHealth } from "./health.ts";
import { http } from "./http.ts";
import { listenerOptions, singleListenerOptions } from "./listener/listener.ts";
import { log } from "./log.ts";
import { metrics } from "./metrics.ts";
import { cluster, erlang, node } from "./node.ts";
import { bcrypt } from "./plugins/bcrypt.ts";
import { bridge } from "./plugins/bridge.ts";
import { diversity } from "./plugins/diversity.ts";
import { httpPublish, webUi } from "./plugins/http-plugins.ts";
import { acl, passwd, plugins } from "./plugins/plugins.ts";
import { webhooks } from "./plugins/webhooks.ts";
import { protection } from "./protection.ts";
import { access, session } from "./session.ts";
import { leveldb, messageStore, metadataStores } from "./store.ts";

/** Options whose keys are known to the type checker. */
const namedOptions = {
  ...access,
  ...session,
  ...singleListenerOptions,
  ...protection,
  ...plugins,
  ...passwd,
  ...acl,
  ...log,
  ...node,
  ...messageStore,
  ...leveldb,
  ...metrics,
  ...http,
  ...cluster,
  ...webhooks,
  ...bcrypt,
  ...httpPublish,
  ...webUi,
  ...metadataStores,
  ...erlang,
  ...runtimeHealth,
};

/** What each such option is read as. */
export type ValueOf = {
  readonly [K in keyof typeof namedOptions]: (typeof namedOptions)[K] extends Option<infer T> ? T : never;
};

/** A key pattern with free words, such as `plugins.$name`. */
export type PatternKey = Extract<keyof ValueOf, `${string}$${string}`>;

/** The key of one option. */
export type Key = Exclude<keyof ValueOf, PatternKey>;

/** The options by key, each with the type of its value. */
export const schema: { readonly [K in keyof ValueOf]: Option<ValueOf[K]> } = namedOptions;

/** A part of the reference page and of the shipped file. */
export interface Area {
  readonly title: string;
  readonly intro: string;
  readonly options: Options;
}

/** All options, in the order of the documentation. */
export const areas: readonly Area[] = [
  { title: "Access", intro: "Who may connect.", options: access },
  {
    title: "Messages and sessions",
    intro: "Queues, limits, and what MQTT leaves to the broker.",
    options: session,
  },
  {
    title: "Listeners",
    intro:
      "Where clients connect. An option of a listener is taken from the listener itself, else from its protocol, else from all listeners: `listener.tcp.default.mountpoint` goes before `listener.tcp.mountpoint`, and that before `listener.mountpoint`.",
    options: listenerOptions,
  },
  {
    title: "Protection",
    intro: "What keeps clients from harming the broker or each other by connecting.",
    options: protection,
  },
  {
    title: "Plugins",
    intro: "What starts with the broker and decides who may do what.",
    options: { ...plugins, ...passwd, ...acl },
  },
  { title: "Logging", intro: "What is written where.", options: log },
  { title: "The node", intro: "Its name and its directories.", options: node },
  {
    title: "Storage",
    intro: "Where persistent sessions and their messages are kept.",
    options: { ...messageStore, ...leveldb },
  },
  { title: "Metrics", intro: "What the broker tells about itself.", options: metrics },
  { title: "HTTP", intro: "The HTTP interface.", options: { ...http, ...httpPublish, ...webUi } },
  { title: "Cluster", intro: "How several nodes work together.", options: { ...cluster, ...metadataStores } },
  {
    title: "Scripts and databases",
    intro: "Plugins vmq_diversity and vmq_bcrypt.",
    options: { ...diversity, ...bcrypt },
  },
  { title: "Webhooks", intro: "Plugin vmq_webhooks.", options: webhooks },
  { title: "Bridges", intro: "Plugin vmq_bridge.", options: bridge },
  {
    title: "Erlang runtime",
    intro: "Settings of VerneMQ's runtime, which files of its users contain.",
    options: { ...erlang, ...runtimeHealth },
  },
];

/** Every option of the schema by its key pattern. */
export const allOptions: ReadonlyMap<string, Option<unknown>> = new Map(
  areas.flatMap((area) => Object.entries(area.options)),
);

/** Older or wrong names that users' files may contain, and what to write instead. */
export const formerNames: ReadonlyMap<string, string> = new Map([
  ["max_queued_messages", "it is called max_online_messages since VerneMQ 0.10"],
  ["trade_consistency", "it was replaced by the options allow_*_during_netsplit in VerneMQ 0.15"],
  ["acl_file", "it is called vmq_acl.acl_file since VerneMQ 1.0"],
  ["acl_reload_interval", "it is called vmq_acl.acl_reload_interval since VerneMQ 1.0"],
  ["password_file", "it is called vmq_passwd.password_file since VerneMQ 1.0"],
  ["password_reload_interval", "it is called vmq_passwd.password_reload_interval since VerneMQ 1.0"],
  ["message_size_limit", "it is called max_message_size since VerneMQ 1.2"],
  ["topic_alias_max", "it is called topic_alias_max_client and topic_alias_max_broker since VerneMQ 1.7"],
  ["mqtt.connect.timeout", "it is called mqtt_connect_timeout"],
  ["graphite.interval", "it is called graphite_interval"],
  ["vmq_reg_view", "it is called reg_views"],
  ["log.error.redirect", "it was removed in VerneMQ 2.0"],
  ["log.error.messages_per_second", "it was removed in VerneMQ 2.0"],
  ["vmq_diversity.postgres.enabled", "it is called vmq_diversity.auth_postgres.enabled"],
  ["vmq_diversity.mongodb.r_mode", "it is called vmq_diversity.mongodb.read_preference since VerneMQ 1.12.3"],
]);

/** Older keys that still work: the key that takes the value, unless it is set itself. */
export const aliases: ReadonlyMap<string, Key> = new Map<string, Key>([
  ["log.crash.size", "log.crash.rotation.size"],
]);
