import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import type { ProxyConfiguration } from "../../config/listeners.ts";
import type { Peer } from "../../session/peer.ts";

/** What the headers of a proxy say about the client; `problem`: why it has to be refused. */
export type ForwardedPeer =
  | { readonly kind: "peer"; readonly peer: Peer }
  | { readonly kind: "refused"; readonly problem: string };

/** An address with or without a port, as proxies write it. */
const ENTRY = /^(?:\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?|(\d[\d.]*):(\d{1,5})|([0-9a-fA-F:.]+))$/;

/** Stands for whoever connects over a Unix socket, which has no address: the rights of its file say who may. */
const LOCAL = "local";

/** The proxies of a listener whose headers are believed. */
export class TrustedProxies {
  readonly #addresses = new BlockList();
  #local = false;

  /**
   * `entries` are addresses, networks such as `10.0.0.0/8`, or `local` for Unix sockets.
   *
   * @throws {Error} in words for the user, when one is neither
   */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(entry);
  }

  has(address: string): boolean {
    if (address === LOCAL) return this.#local;
    const version = isIP(address);
    return version !== 0 && this.#addresses.check(address, version === 6 ? "ipv6" : "ipv4");
  }

  #add(entry: string): void {
    if (entry === LOCAL) {
      this.#local = true;
      return;
    }
    const [address = "", bits, ...more] = entry.split("/");
    const version = isIP(address);
    const prefix = bits === undefined ? undefined : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    const longest = version === 6 ? 128 : 32;
    if (version === 0 || more.length > 0 || (prefix !== undefined && !(prefix <= longest))) {
      throw new Error(
        `proxy_xff_trusted_intermediate has ${entry}, which is neither an IP address nor a network nor local`,
      );
    }
    const family = version === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) this.#addresses.addAddress(address, family);
    else this.#addresses.addSubnet(address, prefix, family);
  }
}

/**
 * Who the client behind a proxy is. The address is the last one of X-Forwarded-For that is not a trusted proxy's: what
 * stands before it is the word of somebody unknown. A proxy that is not trusted is taken for the client itself.
 */
export function forwardedPeer(
  peer: Peer,
  headers: IncomingHttpHeaders,
  trusted: TrustedProxies,
  { useForwardedCommonNameAsUsername, commonNameHeader }: ProxyConfiguration,
): ForwardedPeer {
  const isTrusted = trusted.has(peer.address);
  if (!isTrusted) {
    if (!useForwardedCommonNameAsUsername) return { kind: "peer", peer };
    return refused(`${peer.address} is not in proxy_xff_trusted_intermediate`);
  }
  const source = lastUntrusted(headerText(headers, "x-forwarded-for"), trusted);
  if (source === undefined) return refused("X-Forwarded-For has something else than IP addresses");
  const { address, port } = source ?? peer;
  if (!useForwardedCommonNameAsUsername) return { kind: "peer", peer: { ...known(peer), address, port } };
  const commonName = headerText(headers, commonNameHeader.toLowerCase());
  if (commonName === "") return refused(`the header ${commonNameHeader} is missing or empty`);
  return {
    kind: "peer",
    peer: { address, port, identity: commonName, certificate: { commonName, der: null } },
  };
}

function known({ identity, certificate }: Peer): Pick<Peer, "identity" | "certificate"> {
  return { identity, certificate };
}

function refused(problem: string): ForwardedPeer {
  return { kind: "refused", problem };
}

/** Node reads headers as Latin-1; names are UTF-8. */
function headerText(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  const text = (Array.isArray(value) ? value.join(",") : (value ?? "")).trim();
  return Buffer.from(text, "latin1").toString("utf8");
}

/** Null when the header names nobody but trusted proxies; undefined when it is malformed. */
function lastUntrusted(
  header: string,
  trusted: TrustedProxies,
): { readonly address: string; readonly port: number } | null | undefined {
  if (header === "") return null;
  let first: { readonly address: string; readonly port: number } | null = null;
  for (const entry of header.split(",").reverse()) {
    const [, bracketed, bracketedPort, plain, plainPort, bare] = ENTRY.exec(entry.trim()) ?? [];
    const address = bracketed ?? plain ?? bare ?? "";
    const port = Number(bracketedPort ?? plainPort ?? 0);
    if (isIP(address) === 0 || (bracketed !== undefined && !isIPv6(address)) || port > 65_535)
      return undefined;
    first = { address, port };
    if (!trusted.has(address)) break;
  }
  return first;
}
