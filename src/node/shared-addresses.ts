import type { ListenerConfiguration } from "../config/listeners.ts";
import type { Address } from "../config/type/address.ts";

/** Addresses that mean all of the machine's. */
export const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];

/** [::] takes IPv4 too, unless a listener of its own has the same port there. */
export function sharesPort(address: Address, all: readonly ListenerConfiguration[]): boolean {
  if (address.kind !== "ip" || address.host !== "::" || address.port === 0) return false;
  return all.some(
    ({ address: other }) => other.kind === "ip" && other.family === 4 && other.port === address.port,
  );
}

/**
 * The listener for HTTP that serves this one's address anyway, with the same options: on all addresses of the machine,
 * or an earlier one on the same address. The shipped configuration has one on 127.0.0.1, and who adds another on 0.0.0.0
 * means no contradiction.
 */
export function servedBy(
  one: ListenerConfiguration,
  all: readonly ListenerConfiguration[],
): ListenerConfiguration | undefined {
  if (one.kind !== "http" && one.kind !== "https") return undefined;
  const index = all.indexOf(one);
  return all.find(
    (other, at) =>
      at !== index &&
      other.kind === one.kind &&
      covers(other.address, one.address, at < index) &&
      optionsOf(other) === optionsOf(one),
  );
}

/**
 * Whether only one of two listeners can be opened: they have one address and port, or one of them has that port on all
 * addresses.
 */
export function collide(one: Address, other: Address): boolean {
  return covers(one, other, true) || covers(other, one, true);
}

function covers(wide: Address, narrow: Address, equalToo: boolean): boolean {
  if (wide.kind === "unix" || narrow.kind === "unix")
    return equalToo && wide.kind === "unix" && narrow.kind === "unix" && wide.path === narrow.path;
  if (wide.port !== narrow.port || wide.port === 0 || wide.family !== narrow.family) return false;
  return wide.host === narrow.host ? equalToo : WILDCARDS.includes(wide.host);
}

function optionsOf(listener: ListenerConfiguration): string {
  return JSON.stringify({ ...listener, name: "", address: null });
}
