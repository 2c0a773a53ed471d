import type { Configuration } from "../config/configuration.ts";
import type { GuardLimits } from "../listener/connection-guard.ts";
import type { FlappingRules } from "../session/flapping.ts";
import type { LoadLimits } from "./load-monitor.ts";

/** The options behind what this file reads; the limits of what guards connections can be changed while it does. */
export const protectionKeys = {
  guard: [
    "protection.max_connections",
    "protection.connection_rate",
    "protection.max_connections_per_address",
    "protection.connection_rate_per_address",
    "protection.max_unauthenticated",
  ],
  flapping: ["protection.flapping_connects", "protection.flapping_window", "protection.flapping_ban"],
  load: ["protection.max_event_loop_lag", "protection.max_memory"],
} as const;

/** The limits of all listeners together, as configured. */
export function guardLimits(configuration: Configuration): GuardLimits {
  return {
    connections: configuration.get("protection.max_connections"),
    perSecond: configuration.get("protection.connection_rate"),
    connectionsPerAddress: configuration.get("protection.max_connections_per_address"),
    perSecondAndAddress: configuration.get("protection.connection_rate_per_address"),
    unauthenticated: configuration.get("protection.max_unauthenticated"),
  };
}

/** The limits of all listeners for HTTP together: those of addresses, and the rate. */
export function httpGuardLimits(configuration: Configuration): GuardLimits {
  return { ...guardLimits(configuration), connections: Infinity, unauthenticated: Infinity };
}

/** Null: nobody looks at how often client ids connect. */
export function flappingRules(configuration: Configuration): FlappingRules | null {
  const connects = configuration.get("protection.flapping_connects");
  if (connects === 0) return null;
  return {
    connects,
    windowMilliseconds: configuration.get("protection.flapping_window") * 1_000,
    banMilliseconds: configuration.get("protection.flapping_ban") * 1_000,
  };
}

/** From when on the node counts as overloaded. */
export function loadLimits(configuration: Configuration): LoadLimits {
  return {
    lagMilliseconds: configuration.get("protection.max_event_loop_lag"),
    memory: configuration.get("protection.max_memory"),
  };
}
