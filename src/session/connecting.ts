import { randomUUID } from "node:crypto";
import { Metric } from "../metrics/metric.ts";
import { connackReturnSlots, ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import type { Connack, ConnackProperties, Connect, ProtocolVersion } from "../mqtt/packet.ts";
import { ReasonCode, reasonCodeName, returnCodeOf } from "../mqtt/reason-code.ts";
import { refusalCode } from "../mqtt/refusal-codes.ts";
import type { ChainResult, HookError } from "../plugin/answer.ts";
import type { ConnectionOptions } from "../plugin/hook.ts";
import type { RegisterModifiersM5, RegisterProperties } from "../plugin/modifiers.ts";
import type { Subscriber } from "../registry/subscriber.ts";
import { NEVER } from "../registry/subscriber.ts";
import { startAuthentication } from "./authenticating.ts";
import { whenAnswered } from "./hook-answer.ts";
import { RateLimit } from "./rate-limit.ts";
import { Restrictions } from "./restrictions.ts";
import type { Session } from "./session.ts";
import { Phase } from "./session-output.ts";
import { Pause } from "./session-reading.ts";
import type { SessionSettings } from "./settings.ts";
import { TopicAliases } from "./topic-aliases.ts";
import { type JudgedWill, judgeWill } from "./will.ts";

/** Receive Maximum when a side names none, and the number of packet ids. */
const MOST_INFLIGHT = 65_535;

type Verdict = ChainResult<RegisterModifiersM5>;

/** What has been found out about a connection on its way to CONNACK. */
interface Admission {
  readonly packet: Connect;
  readonly assignedClientId: string | undefined;
  readonly clean: boolean;
  readonly expirySeconds: number;
  readonly properties: RegisterProperties;
  readonly authentication: Pick<ConnackProperties, "authenticationMethod" | "authenticationData">;
}

/** CONNECT: version, client id, authentication, will, registration, and CONNACK when all of it is durable. */
export function handleConnect(session: Session, packet: Connect): void {
  const { services } = session;
  const { listener } = services;
  session.version = packet.version;
  session.v5 = packet.version === 5 ? 1 : 0;
  session.bridge = packet.bridge;
  session.phase = Phase.Connecting;
  session.problemInformation = packet.properties.requestProblemInformation ?? true;
  session.maximumPacketSize = packet.properties.maximumPacketSize ?? 0;
  services.counters.increment(Metric.mqtt_connect_received_v4 + session.v5);
  const refusal = services.gate.refusal();
  if (refusal !== null) {
    if (refusal.overload) services.counters.increment(Metric.client_refused_overload);
    refuse(session, refusal.reasonCode, refusal.text);
    return;
  }
  if (!listener.allowedProtocolVersions.has(packet.level)) {
    const allowed = [...listener.allowedProtocolVersions, packet.level].sort((a, b) => a - b).join(",");
    // The listener's own option goes before those of its kind. One of `listener start` has its address as a name.
    const named = listener.name.includes(":") ? "" : `.${listener.name}`;
    refuse(
      session,
      ReasonCode.UnsupportedProtocolVersion,
      `protocol level ${packet.level} is not in allowed_protocol_versions; to allow it: ` +
        `listener.${listener.kind}${named}.allowed_protocol_versions = ${allowed}`,
    );
    return;
  }
  if (!takeClientId(session, packet)) return;
  const banned = services.flapping.banned(session.mountpoint.name, packet.clientId);
  if (banned > 0) {
    refuseFlapping(session, banned);
    return;
  }
  if (packet.properties.authenticationMethod !== undefined)
    startAuthentication(session, packet, authenticate);
  else authenticate(session, packet, {});
}

/** Answers a CONNECT that could not even be parsed, or was not completed, where the client can be told; closes. */
export function refuseConnect(
  session: Session,
  version: ProtocolVersion,
  reasonCode: number,
  text: string,
  error?: HookError,
): void {
  session.version = version;
  session.v5 = version === 5 ? 1 : 0;
  refuse(session, reasonCode, text, error);
}

/** Refuses a connection: CONNACK with the code, in the version's own terms, and the end. */
function refuse(session: Session, reasonCode: number, text: string, error?: HookError): void {
  const { counters } = session.services;
  if (session.v5 === 1) {
    counters.increment(reasonSlot(ReasonMetric.mqtt_connack_sent, reasonCode));
    const { serverReference, reasonString, userProperties } = error ?? {};
    const properties: ConnackProperties = { serverReference, reasonString, userProperties };
    session.sendPacket({ kind: "connack", sessionPresent: false, reasonCode, properties });
  } else {
    const code = returnCodeOf(reasonCode);
    if (code !== undefined) {
      counters.increment(reasonSlot(connackReturnSlots, code));
      session.sendPacket({ kind: "connack", sessionPresent: false, reasonCode: code });
    }
  }
  const { clientId, peer } = session;
  session.finish(false, "");
  session.services.log
    .limited("refused", 20)
    .warning(
      "connect",
      `${peer}${clientId === "" ? "" : ` client ${clientId}`} refused: ${text}, ${reasonCodeName(reasonCode)}`,
    );
  session.transport.end();
}

function takeClientId(session: Session, packet: Connect): boolean {
  let { clientId } = packet;
  const size = Buffer.byteLength(clientId);
  const { maxClientIdSize } = session.settings;
  if (size > maxClientIdSize) {
    refuse(
      session,
      ReasonCode.ClientIdentifierNotValid,
      `client id ${clientId.slice(0, 64)} of ${size} bytes is longer than max_client_id_size; to allow it: max_client_id_size = ${size}`,
    );
    return false;
  }
  if (clientId === "") {
    // [MQTT-3.1.3-8]: 3.1.1 may leave it out for a clean session only, 3.1 never.
    if (packet.version === 3 || (packet.version === 4 && !packet.clean)) {
      refuse(session, ReasonCode.ClientIdentifierNotValid, "no client id");
      return false;
    }
    clientId = `anon-${randomUUID()}`;
  }
  session.identity = {
    username: session.transport.peer.identity ?? packet.username ?? null,
    subscriberId: { mountpoint: session.mountpoint.name, clientId },
  };
  return true;
}

/** Asks the hooks whether the client may connect; with `allow_anonymous` nobody is asked. */
function authenticate(session: Session, packet: Connect, authentication: Admission["authentication"]): void {
  const { services } = session;
  if (session.settings.allowAnonymous || services.listener.allowAnonymousOverride) {
    admit(session, packet, authentication, { kind: "ok", modifiers: null });
    return;
  }
  whenAnswered(session, ask(session, packet), (verdict) => admit(session, packet, authentication, verdict));
}

function ask(session: Session, packet: Connect): Verdict | Promise<Verdict> {
  const { chains, listener } = session.services;
  const { username, subscriberId } = session.identity;
  const peer = addressOf(session);
  const connection = listener.forwardConnectionOptions ? connectionOptions(session) : {};
  const request = { peer, subscriberId, username, password: packet.password ?? null, ...connection };
  if (session.v5 === 0) return chains.auth_on_register.run({ ...request, cleanSession: packet.clean });
  const { properties } = packet;
  return chains.auth_on_register_m5.run({ ...request, cleanStart: packet.clean, properties });
}

function refuseFlapping(session: Session, milliseconds: number): void {
  session.services.counters.increment(Metric.client_refused_flapping);
  refuse(
    session,
    ReasonCode.ConnectionRateExceeded,
    `it connects too often, and is refused for another ${Math.ceil(milliseconds / 1_000)} s (protection.flapping_connects)`,
  );
}

/** Plugins get an object of their own. */
function addressOf({ transport }: Session): { readonly address: string; readonly port: number } {
  return { address: transport.peer.address, port: transport.peer.port };
}

/** What plugins are told of the listener and the client's certificate. */
function connectionOptions({ services, transport }: Session): { readonly connection: ConnectionOptions } {
  const { address, port, type } = services.listener;
  const der = transport.peer.certificate?.der ?? null;
  return {
    connection: {
      listenerAddress: address,
      listenerPort: port,
      listenerType: type,
      ...(der === null ? {} : { clientCertificate: der }),
    },
  };
}

function admit(
  session: Session,
  packet: Connect,
  authentication: Admission["authentication"],
  verdict: Verdict,
): void {
  if (verdict.kind === "error") {
    const wrong = session.v5 === 1 || verdict.reason === "invalid_credentials";
    const code = wrong ? ReasonCode.BadUserNameOrPassword : ReasonCode.NotAuthorized;
    const text =
      verdict.reason === "plugin_chain_exhausted" || verdict.reason === "no_matching_hook_found"
        ? session.identity.username === null
          ? "it gave no user name and allow_anonymous is off"
          : `no plugin knows user ${session.identity.username}; vmq-passwd adds users to the password file`
        : `user ${session.identity.username ?? "(none)"}: ${verdict.reason}`;
    const told = session.v5 === 1 ? refusalCode("connack", verdict.reasonCode, code) : code;
    refuse(session, told, text, verdict);
    return;
  }
  const { flapping } = session.services;
  // By the name that it connects with, whatever a plugin makes of it. Names from the broker are used once.
  if (packet.clientId !== "" && flapping.connected(session.mountpoint.name, packet.clientId)) {
    refuseFlapping(session, flapping.banned(session.mountpoint.name, packet.clientId));
    return;
  }
  const modifiers = verdict.modifiers ?? {};
  if (modifiers.subscriberId !== undefined) {
    session.mountpoint = session.services.mountpoint(modifiers.subscriberId.mountpoint);
    session.topics = session.mountpoint.topics;
  }
  // Without modifiers all sessions share one snapshot.
  if (verdict.modifiers !== null) {
    session.identity = {
      username: modifiers.username ?? session.identity.username,
      subscriberId: modifiers.subscriberId ?? session.identity.subscriberId,
    };
    session.applySettings(changedSettings(session.settings, verdict.modifiers));
  }
  const clean = modifiers.cleanSession ?? packet.clean;
  const properties = modifiers.properties ?? {};
  const asked = properties.sessionExpiryInterval ?? packet.properties.sessionExpiryInterval ?? 0;
  const admission: Admission = {
    packet,
    assignedClientId: packet.clientId === "" ? session.clientId : undefined,
    clean,
    expirySeconds: session.v5 === 1 ? asked : clean ? 0 : NEVER,
    properties,
    authentication,
  };
  if (modifiers.maxConnectionLifetime !== undefined)
    session.lifetimeSeconds = modifiers.maxConnectionLifetime;
  if (modifiers.properties !== undefined) {
    session.restrictions = new Restrictions(modifiers.properties);
    const refusal = packet.will === undefined ? 0 : session.restrictions.ofMessage(packet.will);
    if (refusal !== 0) {
      refuse(session, refusal, "its will uses what a plugin does not allow");
      return;
    }
  }
  whenAnswered(session, judgeWill(session, packet.will), (will) => register(session, admission, will));
}

function changedSettings(settings: SessionSettings, modifiers: RegisterModifiersM5): SessionSettings {
  const { queueLimits } = settings;
  return {
    ...settings,
    maxMessageSize: modifiers.maxMessageSize ?? settings.maxMessageSize,
    maxMessageRate: modifiers.maxMessageRate ?? settings.maxMessageRate,
    maxInflightMessages: modifiers.maxInflightMessages ?? settings.maxInflightMessages,
    retryIntervalSeconds:
      modifiers.retryInterval === undefined
        ? settings.retryIntervalSeconds
        : Math.ceil(modifiers.retryInterval / 1_000),
    sharedSubscriptionPolicy: modifiers.sharedSubscriptionPolicy ?? settings.sharedSubscriptionPolicy,
    queueLimits: {
      ...queueLimits,
      maxOnlineMessages: modifiers.maxOnlineMessages ?? queueLimits.maxOnlineMessages,
      maxOfflineMessages: modifiers.maxOfflineMessages ?? queueLimits.maxOfflineMessages,
      lifo: modifiers.queueType === undefined ? queueLimits.lifo : modifiers.queueType === "lifo",
      upgradeOutgoingQos: modifiers.upgradeQos ?? queueLimits.upgradeOutgoingQos,
    },
  };
}

function register(session: Session, admission: Admission, judged: JudgedWill): void {
  if (judged.kind === "error") {
    const wanted = session.v5 === 1 ? judged.reasonCode : undefined;
    const code = refusalCode("connack", wanted, ReasonCode.NotAuthorized);
    refuse(session, code, `it may not leave its will: ${judged.reason}`, judged);
    return;
  }
  const { will } = judged;
  const { registry } = session.services;
  const { packet, clean, expirySeconds } = admission;
  // A packet that comes while the store works waits like one that comes while a hook thinks.
  let answered = false;
  registry.register(
    {
      mountpoint: session.mountpoint,
      clientId: session.clientId,
      username: session.identity.username,
      clean,
      expirySeconds,
      legacy: packet.version !== 5,
      limits: session.settings.queueLimits,
      handle: session,
      will,
    },
    (subscriber, sessionPresent) => {
      const waited = answered;
      answered = true;
      if (session.phase !== Phase.Connecting) {
        registry.disconnected(subscriber, true);
        return;
      }
      accept(session, admission, subscriber, sessionPresent);
      if (waited) session.unpause(Pause.Store);
    },
  );
  if (!answered) {
    answered = true;
    session.pause(Pause.Store);
  }
}

function accept(
  session: Session,
  admission: Admission,
  subscriber: Subscriber,
  sessionPresent: boolean,
): void {
  const { services, settings } = session;
  const { packet } = admission;
  const { chains, wheel } = services;
  prepare(session, packet);
  session.subscriber = subscriber;
  session.queue = subscriber.queue;
  session.phase = Phase.Connected;
  session.admitted();
  session.connectedAt = services.clock.now();
  subscriber.queue.listener = session;
  if (!sendConnack(session, admission, sessionPresent)) {
    // [MQTT-3.1.2-24] forbids to send it, and without it there is no connection.
    session.finish(false, `its Maximum Packet Size of ${session.maximumPacketSize} takes no CONNACK`);
    session.transport.end();
    return;
  }
  services.log.info(
    "connect",
    `client ${session.clientId} connected from ${session.peer}, MQTT ${versionName(packet)}` +
      `${session.identity.username === null ? "" : `, user ${session.identity.username}`}` +
      `, keep alive ${packet.keepAlive} s${admission.clean ? ", clean" : sessionPresent ? ", session resumed" : ""}`,
  );
  if (settings.maxMessageRate > 0) session.rate = new RateLimit(settings.maxMessageRate, wheel.time);
  const { subscriberId, username } = session.identity;
  if (session.v5 === 0) {
    if (!chains.on_register.isEmpty)
      chains.on_register.run({ peer: addressOf(session), subscriberId, username });
  } else if (!chains.on_register_m5.isEmpty) {
    const { properties } = packet;
    chains.on_register_m5.run({ peer: addressOf(session), subscriberId, username, properties });
  }
  services.registry.attached(subscriber);
  subscriber.queue.attach(session);
  services.registry.presenceChanged(subscriber);
  // [MQTT-3.2.2-21]: what the server says counts.
  const keepAlive =
    session.v5 === 1 ? (admission.properties.serverKeepAlive ?? packet.keepAlive) : packet.keepAlive;
  session.timers.connected(keepAlive, session.lifetimeSeconds);
  subscriber.queue.pump();
}

/** What the session needs for the hot path. */
function prepare(session: Session, packet: Connect): void {
  const { services, settings } = session;
  const { chains } = services;
  const { properties } = packet;
  if (session.v5 === 1) {
    session.window = Math.min(properties.receiveMaximum ?? MOST_INFLIGHT, settings.receiveMaxClient);
    session.receiveMaximum = settings.receiveMaxBroker;
    const outgoing = Math.min(properties.topicAliasMaximum ?? 0, settings.topicAliasMaxBroker);
    if (outgoing > 0 || settings.topicAliasMaxClient > 0) session.aliases = new TopicAliases(outgoing);
    session.plain = outgoing === 0 && session.maximumPacketSize === 0;
    session.deliverHook = chains.on_deliver_m5;
  } else {
    session.window = settings.maxInflightMessages === 0 ? MOST_INFLIGHT : settings.maxInflightMessages;
    session.retrySeconds = settings.retryIntervalSeconds;
    session.deliverHook = chains.on_deliver;
  }
}

/** False: it is larger than what the client takes. */
function sendConnack(session: Session, admission: Admission, sessionPresent: boolean): boolean {
  const { services, settings, maximumFrame } = session;
  const { counters } = services;
  if (session.v5 === 0) {
    counters.increment(reasonSlot(connackReturnSlots, 0));
    // In MQTT 3.1 that byte is reserved.
    return session.sendPacket({
      kind: "connack",
      sessionPresent: sessionPresent && session.version !== 3,
      reasonCode: 0,
    });
  }
  const { properties, assignedClientId, authentication, packet } = admission;
  const { responseInformation, ...granted } = properties;
  const connack: Connack = {
    kind: "connack",
    sessionPresent,
    reasonCode: ReasonCode.Success,
    properties: {
      ...granted,
      ...authentication,
      // [MQTT-3.1.2-28]: only for a client that asked.
      ...(responseInformation !== undefined && packet.properties.requestResponseInformation === true
        ? { responseInformation }
        : {}),
      ...(assignedClientId === undefined ? {} : { assignedClientIdentifier: assignedClientId }),
      ...(settings.topicAliasMaxClient > 0 ? { topicAliasMaximum: settings.topicAliasMaxClient } : {}),
      ...(settings.receiveMaxBroker < MOST_INFLIGHT ? { receiveMaximum: settings.receiveMaxBroker } : {}),
      ...(settings.maxMessageSize > 0 ? { maximumPacketSize: maximumFrame } : {}),
    },
  };
  if (!session.sendPacket(connack)) return false;
  counters.increment(reasonSlot(ReasonMetric.mqtt_connack_sent, ReasonCode.Success));
  return true;
}

function versionName(packet: Connect): string {
  const name = packet.version === 5 ? "5.0" : packet.version === 4 ? "3.1.1" : "3.1";
  return packet.bridge ? `${name} (bridge)` : name;
}
