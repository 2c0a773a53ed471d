import type { ListenerInfo } from "../admin/ports.ts";
import type { Places } from "./places.ts";

/** An address a client on this machine can use. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

/** A path as a shell takes it for one word. */
function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What `npm start` prints once the broker serves: where it listens and how to publish a first message. */
export function developmentNotice(listeners: Iterable<ListenerInfo>, { directories }: Places): string {
  const serving = [...listeners].filter(({ status }) => status === "running");
  const lines = ["", "VerneMQ is running. It listens on:"];
  for (const { type, address, port } of serving) lines.push(`  ${type.padEnd(8)} ${address}:${port}`);
  const plain = serving.find(({ type, mqtt }) => type === "mqtt" && mqtt !== undefined);
  if (plain !== undefined) {
    const where = `-h ${reachable(plain.address)} -p ${plain.port}`;
    lines.push(
      "",
      "Publish a first message from two other terminals:",
      `  mosquitto_sub ${where} -t 'hello/#' -v`,
      `  mosquitto_pub ${where} -t hello/world -m 'first message'`,
      "or without Mosquitto's tools:",
      `  npx mqtt sub ${where} -t 'hello/#' -v`,
      `  npx mqtt pub ${where} -t hello/world -m 'first message'`,
    );
  }
  lines.push(
    "",
    `See who is connected: scripts/vmq-admin --run-dir ${shellWord(directories.run)} session show`,
    `Data is in ${directories.data}, logs are in ${directories.log}. Ctrl-C stops the broker.`,
    "",
  );
  return lines.map((line) => `${line}\n`).join("");
}
