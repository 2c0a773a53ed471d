import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** The path that speaks MQTT. */
const PATH = "/mqtt";
/** The names of MQTT among the sub-protocols of WebSocket, in the order in which they are preferred. */
const SUBPROTOCOLS: readonly string[] = ["mqtt", "mqttv3.1"];
/** That of the standard, and of the last draft, which differs in nothing that matters to a server. */
const VERSIONS: readonly string[] = ["13", "8"];
/** 16 bytes in base 64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const TOKENS = /^[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*(,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*)*$/;
/** Goes with the client's key into the answer [RFC 6455, 1.3]. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

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
  /** Beside those that all refusals have. */
  readonly headers?: Readonly<Record<string, string>>;
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

/** What is wrong with a request for WebSocket itself [RFC 6455, 4.2.1]; null: nothing. */
export function refuseUpgrade({ method, headers }: IncomingMessage): Refusal | null {
  if (method !== "GET") return { status: 400, text: "the method of an upgrade to WebSocket is GET" };
  if (!VERSIONS.includes(headers["sec-websocket-version"] ?? "")) {
    return {
      status: 400,
      text: "Sec-WebSocket-Version is not 13",
      headers: { "Sec-WebSocket-Version": VERSIONS.join(", ") },
    };
  }
  if (!KEY.test(headers["sec-websocket-key"] ?? ""))
    return { status: 400, text: "Sec-WebSocket-Key is missing or no key" };
  const offered = headers["sec-websocket-protocol"];
  if (offered !== undefined && !TOKENS.test(offered))
    return { status: 400, text: "Sec-WebSocket-Protocol is no list of names" };
  return null;
}

/** Whether a request offers to compress messages. */
export function offersCompression({ headers }: IncomingMessage): boolean {
  return /\bpermessage-deflate\b/.test(headers["sec-websocket-extensions"] ?? "");
}

/** `mqtt` if the client offers it [MQTT-6.0.0-4], else `mqttv3.1`, which clients from before MQTT 3.1.1 know. */
export function chooseSubprotocol(offered: Iterable<string>): string | undefined {
  const names = new Set(offered);
  return SUBPROTOCOLS.find((name) => names.has(name));
}

/**
 * The answer to a request for WebSocket that is as it should be [RFC 6455, 4.2.2]. It names MQTT's
 * sub-protocol if the client offers it; extensions are not offered.
 */
export function upgradeResponse({ headers }: IncomingMessage): string {
  const accept = hash("sha1", `${headers["sec-websocket-key"]}${GUID}`, "base64");
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const chosen = chooseSubprotocol(offered);
  return (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n` +
    `${chosen === undefined ? "" : `Sec-WebSocket-Protocol: ${chosen}\r\n`}\r\n`
  );
}
