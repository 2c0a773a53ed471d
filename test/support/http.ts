/** Requests of the black-box tests to HTTP listeners, with all that a command such as curl can do. */
import { type IncomingHttpHeaders, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { connect, type Socket } from "node:net";

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** The path of a Unix socket, instead of host and port. */
  readonly socketPath?: string;
  /** Over TLS; whoever has the certificate is believed. */
  readonly tls?: { readonly cert?: Buffer; readonly key?: Buffer };
}

/** Asks once, on a connection of its own. Rejects when there is no answer. */
export async function ask(port: number, path: string, options: RequestOptions = {}): Promise<HttpResponse> {
  const { method = "GET", headers = {}, body, socketPath, tls } = options;
  const common = { method, path, headers, agent: false } as const;
  const place = socketPath === undefined ? { host: "127.0.0.1", port } : { socketPath };
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const request =
    tls === undefined
      ? plainRequest({ ...common, ...place })
      : tlsRequest({ ...common, ...place, ...tls, rejectUnauthorized: false });
  request.once("error", reject);
  request.once("response", (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.once("error", reject);
    response.once("end", () => {
      const { statusCode = 0, headers: answered } = response;
      resolve({ status: statusCode, headers: answered, body: Buffer.concat(chunks).toString() });
    });
  });
  request.end(body);
  return await promise;
}

/** Sends bytes, and gives all that comes until the other side closes. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(bytes);
  return await untilClosed(socket);
}

/** All that comes on a socket until it is closed. */
export async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks).toString();
}
