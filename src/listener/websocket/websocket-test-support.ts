import { randomBytes } from "node:crypto";
import { packet } from "../../mqtt/frame-decoder-test-support.ts";
import { writeVariableByteInteger } from "../../mqtt/frame-header.ts";

export const PING = packet(0xc0, "");

export function publish(topic: string, payload: string): Buffer {
  const body = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic + payload)]);
  const head = Buffer.alloc(5);
  head[0] = 0x30;
  return Buffer.concat([head.subarray(0, writeVariableByteInteger(head, 1, body.length)), body]);
}

export function upgradeRequest(more = "", path = "/mqtt"): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n${more}\r\n`
  );
}

/** A frame of a client with the mask 0. */
export function frame(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(6) : Buffer.alloc(8);
  head[0] = first;
  head[1] = 0x80 | Math.min(126, length);
  if (length >= 126) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
}
