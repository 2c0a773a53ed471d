/** Other people's WebSocket clients: MQTT.js in this process, and in a browser. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import mqtt from "mqtt";
import { type Broker, startBroker } from "../support/broker.ts";
import { runInBrowser, without } from "../support/front-servers.ts";
import { makePki } from "../support/pki.ts";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";
import { openTransport } from "../support/transport.ts";

const options = { skip: oursOnly };
const browser = { skip: oursOnly || (await without("chromium-headless-shell")) };
const directory = temporaryDirectory();
const pki = makePki(directory);
let broker: Broker;
const ports = { ws: 0, wss: 0 };

before(async () => {
  if (oursOnly !== false) return;
  ports.ws = await freePort();
  ports.wss = await freePort();
  broker = await startBroker({
    configuration: [
      `listener.ws.default = 127.0.0.1:${ports.ws}`,
      "listener.ws.allowed_protocol_versions = 3,4,5",
      `listener.wss.default = 127.0.0.1:${ports.wss}`,
      `listener.wss.default.certfile = ${pki.server.cert}`,
      `listener.wss.default.keyfile = ${pki.server.key}`,
      "listener.wss.default.tls_version = tlsv1.2,tlsv1.3",
      "listener.wss.allowed_protocol_versions = 3,4,5",
    ],
  });
});

after(async () => {
  await broker?.[Symbol.asyncDispose]();
  removeDirectory(directory);
});

for (const kind of ["ws", "wss"] as const) {
  for (const protocolVersion of [4, 5] as const) {
    test(`MQTT.js over ${kind}, protocol level ${protocolVersion}`, options, async () => {
      const topic = `${kind}/${protocolVersion}`;
      const client = await mqtt.connectAsync(`${kind}://127.0.0.1:${ports[kind]}/mqtt`, {
        protocolVersion,
        reconnectPeriod: 0,
        rejectUnauthorized: false,
      });
      const got: string[] = [];
      const all = new Promise<void>((resolve) => {
        client.on("message", (_topic, payload, { qos }) => {
          if (got.push(`${qos} ${payload.length}`) === 3) resolve();
        });
      });
      await client.subscribeAsync(`${topic}/#`, { qos: 2 });
      for (const qos of [0, 1, 2] as const)
        await client.publishAsync(`${topic}/${qos}`, "x".repeat(70_000), { qos });
      await all;
      assert.deepEqual(got.sort(), ["0 70000", "1 70000", "2 70000"]);
      await client.endAsync();
    });
  }
}

test("connections over WebSocket are counted", options, async () => {
  const client = RawClient.over(await openTransport(ports.ws, "127.0.0.1", "ws"));
  client.sendConnect({ clientId: "counted" });
  await client.expect("connack", { code: 0 });
  const { stdout } = await broker.admin(["metrics", "show"]);
  assert.match(stdout, /gauge\.active_mqttws_connections = 1\n/);
  assert.match(stdout, /gauge\.active_mqtt_connections = 0\n/);
  await client.disconnect();
});

describe("a browser", browser, () => {
  const bundle = join(
    dirname(createRequire(import.meta.url).resolve("mqtt/package.json")),
    "dist",
    "mqtt.min.js",
  );

  for (const kind of ["ws", "wss"] as const) {
    test(`publishes and receives over ${kind}`, async () => {
      const script = `
        const tell = (text) => fetch("/result", { method: "POST", body: text });
        const client = mqtt.connect("${kind}://127.0.0.1:${ports[kind]}/mqtt", { protocolVersion: 5, clientId: "browser-${kind}" });
        const got = [];
        client.on("error", (error) => tell("error " + error.message));
        client.on("message", (topic, payload, packet) => {
          got.push([topic, packet.qos, payload.toString()]);
          if (got.length === 3) client.end(false, () => tell(JSON.stringify(got)));
        });
        client.on("connect", () => client.subscribe("browser/${kind}/#", { qos: 2 }, (error) => {
          if (error) return tell("error " + error.message);
          for (const qos of [0, 1, 2]) client.publish("browser/${kind}/" + qos, "größer " + qos, { qos });
        }));`;
      const result = await runInBrowser(script, new Map([["/mqtt.js", readFileSync(bundle)]]));
      assert.deepEqual(
        JSON.parse(result).sort(),
        [0, 1, 2].map((qos) => [`browser/${kind}/${qos}`, qos, `größer ${qos}`]),
      );
      await broker.logged(new RegExp(`client browser-${kind} .*disconnected: by DISCONNECT`));
    });
  }
});
