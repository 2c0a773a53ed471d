import type { IncomingMessage } from "node:http";

/** The path that speaks MQTT. */
const PATH = "/mqtt";
/** The names of MQTT among the sub-protocols of WebSocket. */
const SUBPROTOCOLS: readonly string[] = ["mqtt", "mqttv3.1"];

/** The longest request line and header value, bytes. */
export interface RequestLimits {
  readonly requestLine: number;
  readonly headerValue: number;
}

/** How a request that is no acceptable upgrade is answered. */
export interface Refusal {
  readonly status: number;
  /** For the body and the log. */
  readonly text: string;
}

/** What to answer to a request instead of upgrading the connection; null: nothing speaks against it. */
export function refuseRequest(request: IncomingMessage, limits: RequestLimits): Refusal | null {
  const { method = "", url = "", rawHeaders, httpVersion } = request;
  const line = `${method} ${url} HTTP/${httpVersion}`;
  if (line.length > limits.requestLine) {
    return {
      status: 414,
      text: `the request line is longer than max_request_line_length ${limits.requestLine}`,
    };
  }
  for (let i = 1; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] ?? "").length > limits.headerValue) {
      return {
        status: 431,
        text: `the header ${rawHeaders[i - 1]} is longer than max_header_value_length ${limits.headerValue}`,
      };
    }
  }
  const query = url.indexOf("?");
  if ((query === -1 ? url : url.slice(0, query)) !== PATH) {
    return { status: 404, text: `MQTT over WebSocket is spoken at ${PATH}` };
  }
  if (request.headers.upgrade?.toLowerCase() !== "websocket") {
    return { status: 426, text: "this is MQTT over WebSocket" };
  }
  return null;
}

/** The first sub-protocol of the client's list that is MQTT's; false for none, with which the upgrade goes on. */
export function chooseSubprotocol(offered: ReadonlySet<string>): string | false {
  for (const name of offered) if (SUBPROTOCOLS.includes(name)) return name;
  return false;
}
