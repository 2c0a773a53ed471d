/** Clients for the tests of TLS, which trust the root of a test's certificates. */
import { readFileSync } from "node:fs";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { run } from "./processes.ts";

interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A client's certificate for MQTT.js. */
export function as({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** A client's certificate for the mosquitto clients. */
export function files({ cert, key }: CertificateFiles): string[] {
  return ["--cert", cert, "--key", key];
}

/** Clients that trust the certificate in the file `root`. */
export function tlsClients(root: string) {
  return {
    /** MQTT.js on 127.0.0.1, which asks for localhost. */
    async client(port: number, given: IClientOptions = {}): Promise<MqttClient> {
      return await mqtt.connectAsync(`mqtts://localhost:${port}`, {
        host: "127.0.0.1",
        servername: "localhost",
        ca: readFileSync(root),
        reconnectPeriod: 0,
        connectTimeout: 5_000,
        ...given,
      });
    },
    /** For the mosquitto clients. */
    trusting: ["--cafile", root],
    /** `openssl s_client`: its output when the handshake is over. */
    async sClient(port: number, ...argv: string[]): Promise<string> {
      const { stdout, stderr } = await run(
        "openssl",
        ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", root, ...argv],
        { input: "" },
      );
      return stdout + stderr;
    },
  };
}
