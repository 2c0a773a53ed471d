import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import type { Environment } from "./variables.ts";

/** The network of a container as the system tells it. */
export interface Network {
  /** The content of /proc/net/route; the empty text where there is none. */
  readonly routes: string;
  readonly interfaces: Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>;
  readonly hostName: string;
}

/** The address of a container, or why it is not known. */
export type ContainerAddress =
  | { readonly ok: true; readonly address: string /** For the name of the node. */; readonly host: string }
  | { readonly ok: false; readonly variable: string; readonly problem: string };

/** The network of this machine. */
export function presentNetwork(): Network {
  let routes = "";
  try {
    routes = readFileSync("/proc/net/route", "utf8");
  } catch {
    // Not Linux, or a sandbox: no default route is known then.
  }
  return { routes, interfaces: networkInterfaces(), hostName: hostname() };
}

/** The interface of the default route with the lowest metric, in the table of /proc/net/route. */
function defaultInterface(routes: string): string | undefined {
  return routes
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1] === "00000000" && columns[7] === "00000000")
    .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

/**
 * The address that listeners of a container get where none is configured: DOCKER_IP_ADDRESS, else the first IPv4
 * address of the interface DOCKER_NET_INTERFACE, else that of the interface with the default route. Where there is no
 * such address, all addresses.
 */
export function containerAddress(env: Environment, network: Network): ContainerAddress {
  const given = env.DOCKER_IP_ADDRESS?.trim();
  if (given && isIP(given) === 0) {
    const problem = `${given} is not an address; allowed: an IPv4 or IPv6 address`;
    return { ok: false, variable: "DOCKER_IP_ADDRESS", problem };
  }
  if (given) return { ok: true, address: given, host: isAny(given) ? network.hostName : given };
  const wanted = env.DOCKER_NET_INTERFACE?.trim();
  const name = wanted || defaultInterface(network.routes);
  const addresses = name === undefined ? undefined : network.interfaces[name];
  if (wanted && addresses === undefined) {
    const known = Object.keys(network.interfaces).join(", ");
    const problem = `there is no network interface ${wanted} with an address; there are ${known}`;
    return { ok: false, variable: "DOCKER_NET_INTERFACE", problem };
  }
  const address = addresses?.find(({ family }) => family === "IPv4")?.address;
  if (address !== undefined) return { ok: true, address, host: address };
  const all = Object.values(network.interfaces).flatMap((infos) => infos ?? []);
  const anyIpv4 = all.some(({ family }) => family === "IPv4");
  return { ok: true, address: anyIpv4 ? "0.0.0.0" : "::", host: network.hostName };
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}
