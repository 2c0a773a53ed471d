import { isIP } from "node:net";
import { accepted, type Parsed, refused, type ValueType } from "./value-type.ts";

/** Where a listener listens: an IP address with a port, or the path of a Unix socket. */
export type Address =
  | { readonly kind: "ip"; readonly host: string; readonly family: 4 | 6; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

const IP_ALLOWED = "an IP address and a port, such as 127.0.0.1:1883 or ::1:1883";

function parseIp(text: string): Parsed<Address> {
  const colon = text.lastIndexOf(":");
  if (colon < 0) return refused("has no port");
  const written = text.slice(0, colon);
  const host = written.startsWith("[") && written.endsWith("]") ? written.slice(1, -1) : written;
  const port = text.slice(colon + 1);
  const family = isIP(host);
  if (family !== 4 && family !== 6)
    return refused("is not an IP address and a port (host names are not looked up)");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) return refused("has a port outside 0 to 65535");
  return accepted({ kind: "ip", host, family, port: Number(port) });
}

/** IPv4 or IPv6 address and port, split at the last colon; brackets around an IPv6 address may be used. */
export const ipAddress: ValueType<Address> = { name: "ip", allowed: IP_ALLOWED, parse: parseIp };

/** An IP address and port, or `local:/path/to/socket:0` for a Unix socket. */
export const ipOrUnixAddress: ValueType<Address> = {
  name: "ip or unix socket",
  allowed: `${IP_ALLOWED}, or local:/path/to/socket:0 for a Unix socket`,
  parse(text) {
    const match = /^(?:local|unix):(.*?)(?::(\d+))?$/.exec(text);
    if (match === null) return parseIp(text);
    const path = match[1] ?? "";
    if (!path.startsWith("/")) return refused("names no absolute path for the Unix socket");
    if (match[2] !== undefined && Number(match[2]) !== 0)
      return refused("has a port, but a Unix socket has only 0");
    return accepted({ kind: "unix", path });
  },
};

/** Another machine: a host name or IP address, and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A host name or IP address and a port. */
export const endpoint: ValueType<Endpoint> = {
  name: "host and port",
  allowed: "a host name or IP address and a port, such as broker.example.com:1883",
  parse(text) {
    const match = /^(.+):(\d{1,5})$/.exec(text);
    const port = Number(match?.[2] ?? 0);
    if (match?.[1] === undefined || port < 1 || port > 65535) return refused("is not a host and a port");
    return accepted({ host: match[1], port });
  },
};
