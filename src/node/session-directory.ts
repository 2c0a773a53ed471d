import { ReasonCode } from "../mqtt/reason-code.ts";
import { queueContents } from "../queue/queue-contents.ts";
import type { Subscriber } from "../registry/subscriber.ts";
import { Session } from "../session/session.ts";
import { reauthorize } from "./reauthorization.ts";
import type { NodeParts } from "./running-node.ts";

/** Bridges have 128 more than their protocol level, as in CONNECT. */
const BRIDGE = 128;

/** A subscription of a session. */
export interface SubscriptionEntry {
  readonly topic: string;
  readonly qos: number;
  /** Retain as published. */
  readonly rap: boolean;
  readonly noLocal: boolean;
}

/** A QoS 1 or 2 message that a session holds. */
export interface MessageEntry {
  readonly reference: string;
  readonly qos: number;
  readonly topic: string;
  readonly dup: boolean;
  readonly payload: Uint8Array;
}

/** The connection of a session that is online. */
export interface ConnectionEntry {
  readonly id: string;
  readonly user: string | undefined;
  readonly peerHost: string;
  readonly peerPort: number;
  readonly protocol: number;
  readonly waitingAcks: number;
  readonly startedAt: number;
}

/** A session, as it was when it was asked for. */
export interface SessionEntry {
  readonly node: string;
  readonly mountpoint: string;
  readonly clientId: string;
  readonly queueId: string;
  readonly state: "online" | "offline";
  readonly deliverMode: "fanout";
  readonly offlineMessages: number;
  readonly onlineMessages: number;
  readonly cleanSession: boolean;
  readonly isPlugin: boolean;
  readonly queueStartedAt: number;
  readonly connection: ConnectionEntry | undefined;
  subscriptions(): Iterable<SubscriptionEntry>;
  messages(): AsyncIterable<MessageEntry>;
}

/** The sessions of a node, for commands. */
export interface SessionDirectory {
  /** All sessions, made one by one as the iterator is pulled; sessions may come and go meanwhile. */
  sessions(): Iterable<SessionEntry>;
  /** The sessions of one client id, one per mountpoint. */
  find(clientId: string): Iterable<SessionEntry>;
  /**
   * Disconnects a client (0x98 for MQTT 5). With `cleanup` the session is removed with all it has, online or not.
   * Resolves when that is durable, to true if there was such a session.
   */
  disconnect(mountpoint: string, clientId: string, cleanup: boolean): Promise<boolean>;
  /** See `reauthorize`. */
  reauthorize(mountpoint: string, clientId: string, username: string): Promise<boolean>;
}

type Parts = Pick<NodeParts, "name" | "registry" | "mountpoints" | "plugins">;

export function sessionDirectory(parts: Parts): SessionDirectory {
  const { registry, mountpoints, plugins } = parts;
  const names = new Names();
  return {
    *sessions() {
      for (const subscriber of registry.all()) yield describe(subscriber, parts.name, names);
    },
    *find(clientId) {
      for (const { name } of mountpoints.all()) {
        const subscriber = registry.find(name, clientId);
        if (subscriber !== undefined) yield describe(subscriber, parts.name, names);
      }
    },
    disconnect(mountpoint, clientId, cleanup) {
      const subscriber = registry.find(mountpoint, clientId);
      if (subscriber === undefined) return Promise.resolve(false);
      const { handle } = subscriber;
      if (handle instanceof Session) {
        handle.close(ReasonCode.AdministrativeAction, "disconnected by an administrator");
      }
      if (cleanup && !subscriber.ended) registry.remove(subscriber);
      return new Promise((resolve) => registry.whenSaved(subscriber, () => resolve(true)));
    },
    reauthorize(mountpoint, clientId, username) {
      const subscriber = registry.find(mountpoint, clientId);
      if (subscriber === undefined) return Promise.resolve(false);
      return reauthorize(subscriber, username, registry, plugins.chains);
    },
  };
}

/** Gives numbers to objects that have none, when somebody wants to see them. */
class Names {
  readonly #numbers = new WeakMap<object, number>();
  #last = 0;

  of(object: object): number {
    let number = this.#numbers.get(object);
    if (number === undefined) {
      number = ++this.#last;
      this.#numbers.set(object, number);
    }
    return number;
  }
}

function describe(subscriber: Subscriber, node: string, names: Names): SessionEntry {
  const { id, queue, handle, persistent } = subscriber;
  const online = handle !== null;
  return {
    node,
    mountpoint: id.mountpoint,
    clientId: id.clientId,
    queueId: persistent ? `<queue.${queue.id}>` : `<queue.0.${names.of(queue)}>`,
    state: online ? "online" : "offline",
    deliverMode: "fanout",
    // What was in flight when the connection ended waits again.
    offlineMessages: online ? 0 : queue.waiting + queue.inflight,
    onlineMessages: online ? queue.waiting : 0,
    cleanSession: !persistent,
    isPlugin: online && !(handle instanceof Session),
    queueStartedAt: subscriber.startedSeconds * 1_000,
    connection: handle instanceof Session ? connectionOf(handle, subscriber, names) : undefined,
    *subscriptions() {
      for (const [topic, { qos, retainAsPublished, noLocal }] of subscriber.subscriptions) {
        yield { topic, qos, rap: retainAsPublished, noLocal };
      }
    },
    async *messages() {
      for await (const { sequence, qos, sent, message } of queueContents(queue)) {
        const { topic, buffer, payloadStart, payloadEnd } = message;
        yield {
          reference: Buffer.from(`${queue.id}.${sequence}`).toString("base64"),
          qos,
          topic: topic.text,
          dup: sent,
          payload: buffer.subarray(payloadStart, payloadEnd),
        };
      }
    },
  };
}

function connectionOf(session: Session, { queue }: Subscriber, names: Names): ConnectionEntry {
  const { transport } = session;
  return {
    id: `<session.${names.of(session)}>`,
    user: session.identity.username ?? undefined,
    peerHost: transport.peer.address,
    peerPort: transport.peer.port,
    protocol: session.protocol + (session.bridge ? BRIDGE : 0),
    waitingAcks: queue.inflight,
    startedAt: session.connectedAt,
  };
}
