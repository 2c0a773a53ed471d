import { accepted, type ValueType } from "./value-type.ts";

/** What of a list of Erlang's socket options means something here. */
export interface SocketOptions {
  /** Connections without traffic are probed, so that those whose peer has vanished end. */
  readonly keepAlive: boolean;
  /** Small packets do not wait for each other. */
  readonly noDelay: boolean;
}

/** Socket options as an Erlang term: `[{nodelay, true}, {keepalive, true}]`. Others than these two are passed over. */
export const socketOptions: ValueType<SocketOptions> = {
  name: "socket options",
  allowed: "a list such as [{nodelay, true}, {keepalive, true}]",
  parse(text) {
    const is = (name: string, usual: boolean): boolean => {
      const found = new RegExp(`\\{\\s*${name}\\s*,\\s*(true|false)\\s*\\}`).exec(text)?.[1];
      return found === undefined ? usual : found === "true";
    };
    return accepted({ keepAlive: is("keepalive", false), noDelay: is("nodelay", true) });
  },
};
