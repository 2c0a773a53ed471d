import type { ListenerConfiguration } from "../config/listeners.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { GuardedListenerServices } from "./guarded-listener.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { ListenerServices } from "./mqtt-listener.ts";
import { ProxyStage } from "./proxy/proxy-stage.ts";

/** A kind of listener for MQTT. */
export interface MqttKind {
  /** The kind as commands and plugins name it. */
  readonly type: "mqtt" | "mqtts" | "mqttws" | "mqttwss";
  /** The packets are the bytes of the accepted socket, which may be read into the static buffer. */
  readonly plain: boolean;
  /**
   * The stages of one listener, in their order. Called once per listener; reads no files (see `IntakeStage.open`). TLS
   * and WebSocket are loaded with the first listener that has them: a start without them does not wait for them.
   */
  stages(configuration: ListenerConfiguration, services: ListenerServices): Promise<readonly IntakeStage[]>;
}

const kinds: ReadonlyMap<ListenerKind, MqttKind> = new Map<ListenerKind, MqttKind>([
  [
    "tcp",
    {
      type: "mqtt",
      plain: true,
      stages: (configuration) => Promise.resolve(proxyStages(configuration)),
    },
  ],
  [
    "ssl",
    {
      type: "mqtts",
      plain: false,
      stages: async (configuration, services) => [
        ...proxyStages(configuration),
        await tls(configuration, services, "mqtt"),
      ],
    },
  ],
  [
    "ws",
    {
      type: "mqttws",
      plain: false,
      stages: async (configuration, services) => [
        ...proxyStages(configuration),
        await webSocket(configuration, services),
      ],
    },
  ],
  [
    "wss",
    {
      type: "mqttwss",
      plain: false,
      stages: async (configuration, services) => [
        ...proxyStages(configuration),
        await tls(configuration, services, "http/1.1"),
        await webSocket(configuration, services),
      ],
    },
  ],
]);

/** The header of the PROXY protocol comes before everything else, or not at all. */
function proxyStages({ proxy }: ListenerConfiguration): readonly IntakeStage[] {
  return proxy.proxyProtocol ? [new ProxyStage(proxy.useCommonNameAsUsername)] : [];
}

async function tls(
  configuration: ListenerConfiguration,
  services: GuardedListenerServices,
  protocol: string,
): Promise<IntakeStage> {
  const { tlsStage } = await import("./tls/handshake-stage.ts");
  return tlsStage(configuration, services, [protocol]);
}

async function webSocket(
  configuration: ListenerConfiguration,
  { limits }: ListenerServices,
): Promise<IntakeStage> {
  const { WebSocketStage } = await import("./websocket/websocket-stage.ts");
  return new WebSocketStage(configuration, limits);
}

/** The stages before HTTP is spoken; undefined for kinds that do not speak it. */
export async function httpStages(
  configuration: ListenerConfiguration,
  services: GuardedListenerServices,
): Promise<readonly IntakeStage[] | undefined> {
  if (configuration.kind === "http") return proxyStages(configuration);
  if (configuration.kind !== "https") return undefined;
  return [...proxyStages(configuration), await tls(configuration, services, "http/1.1")];
}

/** How connections of this kind become sessions; undefined for kinds that do not speak MQTT or do not work yet. */
export function mqttKind(kind: ListenerKind): MqttKind | undefined {
  return kinds.get(kind);
}
