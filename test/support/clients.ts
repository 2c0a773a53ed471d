/** Other people's MQTT clients for the black-box tests: the Mosquitto programs and MQTT.js. */
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { run, startProcess } from "./processes.ts";

/** True when the programs mosquitto_pub and mosquitto_sub can be run. */
export async function haveMosquittoClients(): Promise<boolean> {
  return (await run("mosquitto_sub", ["--help"])).stdout.includes("mosquitto_sub");
}

/** `mosquitto_pub` against a port of this machine, to its end. */
export async function mosquittoPub(
  port: number,
  argv: readonly string[],
  input?: string,
): Promise<{ stdout: string; stderr: string; code: number }> {
  return await run("mosquitto_pub", ["-h", "127.0.0.1", "-p", String(port), ...argv], {
    ...(input === undefined ? {} : { input }),
  });
}

export interface MosquittoSub {
  /** Resolves when it has subscribed. */
  ready: Promise<void>;
  /** Resolves with the lines it printed once it has ended (`-C COUNT` makes it end). */
  lines: Promise<string[]>;
  stop(): void;
}

/** Starts `mosquitto_sub`; its debug output tells when the subscription is in force. */
export function mosquittoSub(port: number, argv: readonly string[]): MosquittoSub {
  let output = "";
  let subscribed: () => void = () => {};
  let failed: (error: Error) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    subscribed = resolve;
    failed = reject;
  });
  ready.catch(() => {});
  const child = startProcess(
    "stdbuf", // to see its debug lines as they are written
    ["-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", String(port), ...argv],
    {},
    (text) => {
      output += text;
      if (output.includes("Subscribed (mid")) subscribed();
    },
  );
  const lines = new Promise<string[]>((resolve) => {
    child.once("close", () => {
      failed(new Error(`mosquitto_sub ended before it had subscribed: ${output}`));
      const own = /^(Client |Subscribed \()/;
      resolve(output.split("\n").filter((line) => line !== "" && !own.test(line)));
    });
  });
  return { ready, lines, stop: () => child.kill("SIGTERM") };
}

/** A connected MQTT.js client without reconnection. */
export async function mqttJs(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  return await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ...options,
  });
}
