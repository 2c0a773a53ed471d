import { setImmediate as nextTurn } from "node:timers/promises";
import type { Command, Invocation } from "../command.ts";
import { type Element, type Row, table } from "../element.ts";
import type { SessionDirectory, SessionInfo, StoredMessageInfo, SubscriptionInfo } from "../ports.ts";
import {
  type Field,
  type FieldQuery,
  fieldQuery,
  isCount,
  limited,
  Pace,
  payloadText,
} from "./field-query.ts";

/** One row of the join of sessions, subscriptions and messages. */
interface Joined {
  readonly session: SessionInfo;
  readonly subscription: SubscriptionInfo | undefined;
  readonly message: StoredMessageInfo | undefined;
}

type Reader = Field<Joined>["read"];

const SESSION_FIELDS: Readonly<Record<string, Reader>> = {
  node: ({ session }) => session.node,
  mountpoint: ({ session }) => session.mountpoint,
  client_id: ({ session }) => session.clientId,
  queue_pid: ({ session }) => session.queueId,
  queue_size: ({ session }) => session.offlineMessages + session.onlineMessages,
  session_pid: ({ session }) => session.connection?.id ?? null,
  is_offline: ({ session }) => session.state === "offline",
  is_online: ({ session }) => session.state !== "offline",
  statename: ({ session }) => session.state,
  deliver_mode: ({ session }) => session.deliverMode,
  offline_messages: ({ session }) => session.offlineMessages,
  online_messages: ({ session }) => session.onlineMessages,
  num_sessions: ({ session }) => (session.connection === undefined ? 0 : 1),
  clean_session: ({ session }) => session.cleanSession,
  is_plugin: ({ session }) => session.isPlugin,
  queue_started_at: ({ session }) => session.queueStartedAt,
  // An online session without a username has none; an offline one has no connection that could have one.
  user: ({ session }) => (session.connection === undefined ? null : session.connection.user),
  peer_host: ({ session }) => session.connection?.peerHost ?? null,
  peer_port: ({ session }) => session.connection?.peerPort ?? null,
  protocol: ({ session }) => session.connection?.protocol ?? null,
  waiting_acks: ({ session }) => session.connection?.waitingAcks ?? null,
  session_started_at: ({ session }) => session.connection?.startedAt ?? null,
};

const SUBSCRIPTION_FIELDS: Readonly<Record<string, Reader>> = {
  topic: ({ subscription }) => subscription?.topic,
  qos: ({ subscription }) => subscription?.qos,
  rap: ({ subscription }) => subscription?.rap,
  no_local: ({ subscription }) => subscription?.noLocal,
};

const MESSAGE_FIELDS: Readonly<Record<string, Reader>> = {
  msg_ref: ({ message }) => message?.reference,
  msg_qos: ({ message }) => message?.qos,
  routing_key: ({ message }) => message?.topic,
  dup: ({ message }) => message?.dup,
  payload: ({ message }) => message && payloadText(message.payload),
};

const ofSession: ReadonlySet<string> = new Set(Object.keys(SESSION_FIELDS));
const ofSubscription: ReadonlySet<string> = new Set(Object.keys(SUBSCRIPTION_FIELDS));
const ofMessage: ReadonlySet<string> = new Set(Object.keys(MESSAGE_FIELDS));

const FIELDS: ReadonlyMap<string, Field<Joined>> = new Map(
  Object.entries({ ...SESSION_FIELDS, ...SUBSCRIPTION_FIELDS, ...MESSAGE_FIELDS }).map(([name, read]) => [
    name,
    { read },
  ]),
);

const DEFAULT_COLUMNS = ["client_id", "is_online", "mountpoint", "peer_host", "peer_port", "user"];

async function* rows(
  directory: SessionDirectory,
  query: FieldQuery<Joined>,
  { signal }: Invocation,
): AsyncGenerator<Row> {
  const needsSubscriptions = [...ofSubscription].some((name) => query.used.has(name));
  const needsMessages = [...ofMessage].some((name) => query.used.has(name));
  const clientId = query.equal("client_id");
  const pace = new Pace();

  async function* sessions(): AsyncGenerator<Joined> {
    for (const session of clientId === undefined ? directory.sessions() : directory.find(clientId)) {
      if (pace.due()) await nextTurn();
      if (signal.aborted) return;
      const alone: Joined = { session, subscription: undefined, message: undefined };
      if (query.matches(alone, ofSession)) yield alone;
    }
  }

  async function* subscriptions(found: AsyncIterable<Joined>): AsyncGenerator<Joined> {
    for await (const alone of found) {
      for (const subscription of alone.session.subscriptions()) {
        if (pace.due()) await nextTurn();
        if (signal.aborted) return;
        const joined = { ...alone, subscription };
        if (query.matches(joined, ofSubscription)) yield joined;
      }
    }
  }

  async function* messages(found: AsyncIterable<Joined>): AsyncGenerator<Joined> {
    for await (const joined of found) {
      for await (const message of joined.session.messages()) {
        if (pace.due()) await nextTurn();
        if (signal.aborted) return;
        const whole = { ...joined, message };
        if (query.matches(whole, ofMessage)) yield whole;
      }
    }
  }

  let found = query.matching(sessions(), ofSession);
  if (needsSubscriptions) found = query.matching(subscriptions(found), ofSubscription);
  if (needsMessages) found = query.matching(messages(found), ofMessage);
  try {
    for await (const joined of found) yield query.read.map((field) => field(joined));
  } finally {
    query.close();
  }
}

/** `session show`. */
export function sessionShow(directory: SessionDirectory): Command {
  return {
    path: ["session", "show"],
    summary: "Shows sessions, their subscriptions and their stored messages.",
    details: [
      "--FIELD shows a field, --FIELD=VALUE shows only rows where it has that value, --FIELD=~REGEX only rows",
      "where it matches. All filters have to hold. Fields of a subscription give one row per subscription,",
      "fields of a message one row per stored message.",
      "",
      `Fields of a session: ${[...ofSession].sort().join(", ")}`,
      `Fields of a subscription: ${[...ofSubscription].sort().join(", ")}`,
      `Fields of a message: ${[...ofMessage].sort().join(", ")}`,
      `Without a field to show: ${DEFAULT_COLUMNS.join(", ")}`,
    ],
    flags: [
      {
        name: "limit",
        value: "number",
        help: "at most so many rows, 100 without this flag",
        accepts: isCount,
      },
      {
        name: "rowtimeout",
        value: "milliseconds",
        help: "accepted for compatibility: no row of this node can keep the others waiting",
        accepts: isCount,
      },
    ],
    unknownFlag: (name) => (FIELDS.has(name) ? undefined : `Invalid key: "${name}"`),
    offers: () => [...FIELDS.keys()].map((name) => `--${name}`),
    run: (invocation): Element[] => {
      const query = fieldQuery(FIELDS, invocation.repeated, DEFAULT_COLUMNS);
      const limit = Number(invocation.flags.get("limit") ?? 100);
      return [table(query.columns, limited(rows(directory, query, invocation), limit))];
    },
  };
}
