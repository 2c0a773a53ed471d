import type { ListenerKind } from "../config/schema/listener/kind.ts";
import type { Address } from "../config/type/address.ts";

/** A place where connections are accepted, whatever is spoken there. */
export interface Listener {
  readonly name: string;
  readonly kind: ListenerKind;
  readonly address: Address;
  /** Open connections, those included that have no session yet. */
  readonly active: number;
  /** Connections since the start. */
  readonly accepted: number;
  readonly listening: boolean;
  /** Of a listener on port 0 the port it got, once it has listened; 0 for a Unix socket. */
  readonly port: number;
  /** Reads what is needed to listen (certificates). Rejects with the reason why it cannot be used. */
  prepare(): Promise<void>;
  /**
   * Resolves when connections are accepted. Rejects with the reason why they cannot be, in words for the user. After
   * `stopAccepting` it may be called again.
   */
  listen(): Promise<void>;
  /** Accepts no more connections; the open ones stay. */
  stopAccepting(): void;
  /** From now on addresses count, also those of the connections that are open. */
  countAddresses(): void;
  /** Cuts off all connections. */
  destroyAll(): void;
  /** Accepts no more connections and ends what is open besides them (files that are watched). */
  close(): void;
}
