import type { ListenerConfiguration } from "../config/listeners.ts";
import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { IntakeStage } from "./intake-stage.ts";
import type { ListenerServices } from "./mqtt-listener.ts";
import { tlsStage } from "./tls/handshake-stage.ts";

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
  ["tcp", { type: "mqtt", plain: true, stages: () => [] }],
  [
    "ssl",
    {
      type: "mqtts",
      plain: false,
      stages: (configuration, services) => [tlsStage(configuration, services, ["mqtt"])],
    },
  ],
]);

/** How connections of this kind become sessions; undefined for kinds that do not speak MQTT or do not work yet. */
export function mqttKind(kind: ListenerKind): MqttKind | undefined {
  return kinds.get(kind);
}
