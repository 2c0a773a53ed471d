/**
 * What carries MQTT in the black-box tests. VERNEMQ_TEST_TRANSPORT (tcp, unix, ssl, ws, wss) chooses it for a whole test file;
 * `npm test` runs some files once for each.
 */
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { createWebSocketStream, WebSocket } from "ws";
import { Authority } from "./certificates.ts";

const transports = ["tcp", "unix", "ssl", "ws", "wss"] as const;
export type Transport = (typeof transports)[number];

/** The transport of this test process. */
const transport: Transport = ((wanted) => {
  const found = transports.find((one) => one === wanted);
  if (found === undefined)
    throw new Error(`VERNEMQ_TEST_TRANSPORT is ${wanted}, not ${transports.join(", ")}`);
  return found;
})(process.env.VERNEMQ_TEST_TRANSPORT ?? "tcp");

/** The kind of listener that speaks the transport, by the word in its options. */
export function listenerKind(of: Transport = transport): Exclude<Transport, "unix"> {
  return of === "unix" ? "tcp" : of;
}

/** The path of the Unix socket that stands for a port. */
function unixSocketPath(port: number): string {
  return join(tmpdir(), `vernemq-test-${port}.sock`);
}

/** The address of a listener, as its option wants it. */
export function listenAddress(port: number): string {
  return transport === "unix" ? `local:${unixSocketPath(port)}:0` : `127.0.0.1:${port}`;
}

/** The lines of vernemq.conf that listeners of the transport need beside their address, in a folder for their files. */
export function listenerLines(directory: string): readonly string[] {
  const kind = listenerKind();
  if (kind !== "ssl" && kind !== "wss") return [];
  const { cert, key } = Authority.root(join(directory, "tls"), "Test CA").issue("127.0.0.1", {
    names: "IP:127.0.0.1",
  });
  return [
    `listener.${kind}.certfile = ${cert}`,
    `listener.${kind}.keyfile = ${key}`,
    `listener.${kind}.tls_version = tlsv1.2,tlsv1.3`,
  ];
}

/** Whether something listens there. */
export async function accepts(port: number, host: string): Promise<boolean> {
  const socket =
    transport === "unix" ? createConnection(unixSocketPath(port)) : createConnection({ port, host });
  return await new Promise((resolve) => {
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Opens a connection; its bytes are MQTT. Rejects when it is refused. */
export async function openTransport(
  port: number,
  host: string,
  over: Transport = transport,
): Promise<Duplex> {
  if (over === "ws" || over === "wss") {
    const url = `${over}://${host}:${port}/mqtt`;
    return await openWebSocket(new WebSocket(url, ["mqtt"], { rejectUnauthorized: false }));
  }
  if (over === "ssl") {
    const socket = connectTls({ port, host, rejectUnauthorized: false });
    await opened(socket, "secureConnect");
    socket.setNoDelay(true);
    return socket;
  }
  const socket = over === "unix" ? createConnection(unixSocketPath(port)) : createConnection({ port, host });
  await opened(socket);
  socket.setNoDelay(true);
  return socket;
}

/** The same over WebSocket on a Unix socket, as a proxy on this machine would come. */
export async function openUnixWebSocket(path: string, headers: Record<string, string>): Promise<Duplex> {
  return await openWebSocket(new WebSocket(`ws+unix://${path}:/mqtt`, ["mqtt"], { headers }));
}

async function opened(socket: Socket, event: "connect" | "secureConnect" = "connect"): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
  });
}

async function openWebSocket(webSocket: WebSocket): Promise<Duplex> {
  // At once, so that nothing is missed that comes with the answer.
  const stream = createWebSocketStream(webSocket);
  await new Promise<void>((resolve, reject) => {
    webSocket.once("open", resolve);
    stream.once("error", reject);
  });
  return stream;
}
