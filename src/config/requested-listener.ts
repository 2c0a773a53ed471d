import type { Configuration } from "./configuration.ts";
import { type ListenerConfiguration, listenerAttribute, resolveListener } from "./listeners.ts";
import type { ListenerKind } from "./schema/listener/kind.ts";
import { ipOrUnixAddress } from "./type/address.ts";

/** A listener that is asked for at run time. */
export interface ListenerRequest {
  readonly kind: ListenerKind;
  /** An IP address, or `local:/path` for a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Attributes as after `listener.KIND.NAME.` in the configuration file, with their texts. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** In the configuration file one for all listeners of the kind. */
const PSK_FILE = "pskfile";

export type RequestedListener =
  | { readonly ok: true; readonly listener: ListenerConfiguration }
  /** One sentence for each mistake. */
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * What a request comes to: attributes that it does not name are those of all listeners of its kind, or of all
 * listeners, in the configuration.
 */
export function requestedListener(configuration: Configuration, request: ListenerRequest): RequestedListener {
  const { kind, attributes } = request;
  const text = `${request.address}:${request.port}`;
  const address = ipOrUnixAddress.parse(text, configuration.context);
  const problems: string[] = [];
  if (!address.ok)
    problems.push(`the address ${text} ${address.problem}; allowed: ${ipOrUnixAddress.allowed}`);
  for (const [name, value] of attributes) {
    if (name === PSK_FILE && kind === "ssl") continue;
    const attribute = listenerAttribute(name);
    if (attribute?.named.includes(kind) !== true) {
      problems.push(`${name} is no option of ${kind} listeners`);
      continue;
    }
    const parsed = attribute.read(value, configuration.context);
    const shown = attribute.secret === true ? "" : ` = ${value}`;
    if (!parsed.ok)
      problems.push(`${name}${shown}: the value ${parsed.problem}; allowed: ${attribute.type.allowed}`);
  }
  if (!address.ok || problems.length > 0) return { ok: false, problems };
  const listener = resolveListener(configuration, kind, text, address.value, attributes);
  const pskFile = attributes.get(PSK_FILE);
  if (pskFile === undefined) return { ok: true, listener };
  const { tls } = listener;
  return {
    ok: true,
    listener: { ...listener, tls: { ...tls, pskFile: configuration.context.resolvePath(pskFile) } },
  };
}
