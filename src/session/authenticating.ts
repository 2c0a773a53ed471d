import { ReasonMetric, reasonSlot } from "../metrics/reason-metrics.ts";
import type { Auth, AuthProperties, Connect } from "../mqtt/packet.ts";
import { codeText, ReasonCode } from "../mqtt/reason-code.ts";
import { refusalCode } from "../mqtt/refusal-codes.ts";
import type { ChainResult, HookError } from "../plugin/answer.ts";
import type { AuthModifiers } from "../plugin/modifiers.ts";
import { whenAnswered } from "./hook-answer.ts";
import type { Session } from "./session.ts";

type Verdict = ChainResult<AuthModifiers>;
type Authentication = Pick<AuthProperties, "authenticationMethod" | "authenticationData">;

/** Goes on with CONNECT when enhanced authentication has succeeded. */
export type Continue = (session: Session, packet: Connect, authentication: Authentication) => void;

const continuations = new WeakMap<Session, Continue>();

/** CONNECT with an authentication method (MQTT 5): the on_auth_m5 hook leads the exchange [MQTT-4.12.0-2]. */
export function startAuthentication(session: Session, packet: Connect, proceed: Continue): void {
  session.authenticationMethod = packet.properties.authenticationMethod ?? null;
  session.pendingConnect = packet;
  continuations.set(session, proceed);
  ask(session, packet.properties);
}

/** AUTH of the client: the next step before CONNACK, or re-authentication after it. */
export function handleAuth(session: Session, packet: Auth): void {
  const { reasonCode, properties } = packet;
  const { counters } = session.services;
  counters.increment(reasonSlot(ReasonMetric.mqtt_auth_received, reasonCode));
  if (session.authenticationMethod === null) {
    session.protocolError("AUTH without an authentication method in CONNECT"); // [MQTT-4.12.0-6]
    return;
  }
  if (properties.authenticationMethod !== session.authenticationMethod) {
    end(session, ReasonCode.ProtocolError, "AUTH with another authentication method"); // [MQTT-4.12.0-5]
    return;
  }
  const expected =
    session.pendingConnect === null ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication;
  const continues = reasonCode === ReasonCode.ContinueAuthentication;
  if (reasonCode !== expected && !(continues && session.connected)) {
    end(session, ReasonCode.ProtocolError, `AUTH with reason code ${codeText(reasonCode)}`);
    return;
  }
  ask(session, properties);
}

function ask(session: Session, properties: Authentication): void {
  const { chains } = session.services;
  const { authenticationMethod, authenticationData } = properties;
  const { username, subscriberId } = session.identity;
  const verdict: Verdict | Promise<Verdict> = chains.on_auth_m5.run({
    // Nobody has looked at it before.
    username: session.connected ? username : null,
    subscriberId,
    properties: {
      ...(authenticationMethod === undefined ? {} : { authenticationMethod }),
      ...(authenticationData === undefined ? {} : { authenticationData }),
    },
  });
  whenAnswered(session, verdict, (answer) => judge(session, answer));
}

function judge(session: Session, verdict: Verdict): void {
  const packet = session.pendingConnect;
  if (verdict.kind === "error") {
    const code = verdict.reasonCode ?? codeOf(verdict);
    end(session, code, `enhanced authentication failed: ${verdict.reason}`, verdict);
    return;
  }
  const method = session.authenticationMethod;
  const answer: AuthProperties = {
    ...verdict.modifiers?.properties,
    ...(method === null ? {} : { authenticationMethod: method }),
  };
  if (verdict.modifiers?.reasonCode === ReasonCode.ContinueAuthentication) {
    sendAuth(session, ReasonCode.ContinueAuthentication, answer);
    return;
  }
  if (packet === null) {
    sendAuth(session, ReasonCode.Success, answer);
    return;
  }
  session.pendingConnect = null;
  const proceed = continuations.get(session);
  continuations.delete(session);
  const { authenticationMethod, authenticationData } = answer;
  proceed?.(session, packet, {
    ...(authenticationMethod === undefined ? {} : { authenticationMethod }),
    ...(authenticationData === undefined ? {} : { authenticationData }),
  });
}

/** No plugin knows the method, or one refused without saying more. */
function codeOf(error: HookError): number {
  return error.reason === "no_matching_hook_found" || error.reason === "plugin_chain_exhausted"
    ? ReasonCode.BadAuthenticationMethod
    : ReasonCode.NotAuthorized;
}

function sendAuth(session: Session, reasonCode: number, properties: AuthProperties): void {
  session.services.counters.increment(reasonSlot(ReasonMetric.mqtt_auth_sent, reasonCode));
  session.sendPacket({ kind: "auth", reasonCode, properties });
}

/** Before CONNACK the client is told by CONNACK [MQTT-4.12.0-4], after it by DISCONNECT. */
function end(session: Session, reasonCode: number, text: string, error?: HookError): void {
  const packet = session.pendingConnect === null ? "disconnect" : "connack";
  const code = refusalCode(packet, reasonCode, ReasonCode.NotAuthorized);
  if (session.pendingConnect === null) session.close(code, text, error);
  else session.procedures.refuseConnect(session, 5, code, text, error);
}
