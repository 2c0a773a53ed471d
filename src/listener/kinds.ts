import type { ListenerConfiguration } from "../config/listeners.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { ListenerServices } from "./mqtt-listener.ts";
import { ProxyStage } from "./proxy/proxy-stage.ts";
import { tlsStage } from "./tls/handshake-stage.ts";
import { WebSocketStage } from "./websocket/websocket-stage.ts";

/** A kind of listener for MQTT. */
export interface MqttKind {
  /** The kind as commands and plugins name it. */
  readonly type: "mqtt" | "mqtts" | "mqttws" | "mqttwss";
  /** The packets are the bytes of the accepted socket, which may be read into the static buffer. */
  readonly plain: boolean;
  /** The stages of one listener, in their order. Called once per listener; reads no files (see `IntakeStage.open`). */
  stages(configuration: ListenerConfiguration, services: ListenerServices): readonly IntakeStage[];
}

const kinds: ReadonlyMap<ListenerKind, MqttKind> = new Map<ListenerKind, MqttKind>([
  ["tcp", { type: "mqtt", plain: true, stages: proxyStages }],
  [
    "ssl",
    {
      type: "mqtts",
      plain: false,
      stages: (configuration, services) => [
        ...proxyStages(configuration),
        tlsStage(configuration, services, ["mqtt"]),
      ],
    },
  ],
  [
    "ws",
    {
      type: "mqttws",
      plain: false,
      stages: (configuration, services) => [
        ...proxyStages(configuration),
        new WebSocketStage(configuration, services.limits),
      ],
    },
  ],
  [
    "wss",
    {
      type: "mqttwss",
      plain: false,
      stages: (configuration, services) => [
        ...proxyStages(configuration),
        tlsStage(configuration, services, ["http/1.1"]),
        new WebSocketStage(configuration, services.limits),
      ],
    },
  ],
]);

/** The header of the PROXY protocol comes before everything else, or not at all. */
function proxyStages({ proxy }: ListenerConfiguration): readonly IntakeStage[] {
  return proxy.proxyProtocol ? [new ProxyStage(proxy.useCommonNameAsUsername)] : [];
}

/** How connections of this kind become sessions; undefined for kinds that do not speak MQTT or do not work yet. */
export function mqttKind(kind: ListenerKind): MqttKind | undefined {
  return kinds.get(kind);
}
