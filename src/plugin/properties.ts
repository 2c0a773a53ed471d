import type { Properties } from "../mqtt/packet.ts";

export type { UserProperty } from "../mqtt/packet.ts";

/** MQTT 5 properties as hooks see and change them. What is absent was not in the packet. */
export type HookProperties = Readonly<Properties>;
