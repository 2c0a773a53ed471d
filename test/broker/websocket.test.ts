/** Other people's WebSocket clients: MQTT.js in this process, and in a browser. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import mqtt from "mqtt";
import { WebSocket } from "ws";
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
/** Of listeners that compress. */
const packed = { ws: 0, wss: 0 };
/** Bytes of a message. */
const MOST = 100_000;

before(async () => {
  if (oursOnly !== false) return;
  ports.ws = await freePort();
  ports.wss = await freePort();
  packed.ws = await freePort();
  packed.wss = await freePort();
  broker = await startBroker({
    configuration: [
      `max_ws_frame_size = ${MOST}`,
      `listener.ws.default = 127.0.0.1:${ports.ws}`,
      "listener.ws.allowed_protocol_versions = 3,4,5",
      `listener.wss.default = 127.0.0.1:${ports.wss}`,
      `listener.wss.default.certfile = ${pki.server.cert}`,
      `listener.wss.default.keyfile = ${pki.server.key}`,
      "listener.wss.default.tls_version = tlsv1.2,tlsv1.3",
      "listener.wss.allowed_protocol_versions = 3,4,5",
      `listener.ws.packed = 127.0.0.1:${packed.ws}`,
      "listener.ws.packed.permessage_deflate = on",
      `listener.wss.packed = 127.0.0.1:${packed.wss}`,
      `listener.wss.packed.certfile = ${pki.server.cert}`,
      `listener.wss.packed.keyfile = ${pki.server.key}`,
      "listener.wss.packed.permessage_deflate = on",
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

for (const kind of ["ws", "wss"] as const) {
  test(`messages over ${kind} are compressed for who offers it`, options, async () => {
    let extensions = "";
    const client = await mqtt.connectAsync(`${kind}://127.0.0.1:${packed[kind]}/mqtt`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      createWebsocket: (url, protocols) => {
        const webSocket = new WebSocket(url, protocols, {
          perMessageDeflate: { threshold: 0 },
          rejectUnauthorized: false,
        });
        webSocket.once("open", () => {
          extensions = webSocket.extensions;
        });
        return webSocket;
      },
    });
    assert.match(extensions, /^permessage-deflate/);
    const sizes: number[] = [];
    const all = new Promise<void>((resolve) => {
      client.on("message", (_topic, payload) => {
        if (sizes.push(payload.length) === 40) resolve();
      });
    });
    await client.subscribeAsync(`deflate/${kind}`, { qos: 2 });
    const sent = Array.from({ length: 40 }, (_, i) => (i % 4 === 0 ? i : 1_000 * i));
    await Promise.all(
      sent.map((size, i) =>
        client.publishAsync(`deflate/${kind}`, "x".repeat(size), { qos: i % 3 === 0 ? 2 : 1 }),
      ),
    );
    await all;
    assert.deepEqual(
      sizes.toSorted((a, b) => a - b),
      sent.toSorted((a, b) => a - b),
    );
    await client.endAsync();
  });
}

test("the log says what each listener speaks", options, () => {
  for (const [spoken, port] of [
    ["MQTT over WebSocket", ports.ws],
    ["MQTT over WebSocket with TLS", ports.wss],
    ["MQTT", broker.port],
  ] as const) {
    assert.ok(broker.log().includes(`listening for ${spoken} on 127.0.0.1:${port} `), spoken);
  }
});

test("connections over WebSocket are counted", options, async () => {
  const client = RawClient.over(await openTransport(ports.ws, "127.0.0.1", "ws"));
  client.sendConnect({ clientId: "counted" });
  await client.expect("connack", { code: 0 });
  const { stdout } = await broker.admin(["metrics", "show"]);
  assert.match(stdout, /gauge\.active_mqttws_connections = 1\n/);
  assert.match(stdout, /gauge\.active_mqtt_connections = 0\n/);
  await client.disconnect();
});

/** A WebSocket of the broker's, and what comes over it. */
async function openWebSocket(kind: keyof typeof ports, protocols = ["mqtt"]) {
  const webSocket = new WebSocket(`${kind}://127.0.0.1:${ports[kind]}/mqtt`, protocols, {
    rejectUnauthorized: false,
  });
  let got = Buffer.alloc(0);
  webSocket.on("message", (data: Buffer, isBinary: boolean) => {
    assert.ok(isBinary);
    got = Buffer.concat([got, data]);
  });
  const closed = new Promise<number>((resolve) => webSocket.on("close", resolve));
  webSocket.on("error", () => {});
  await once(webSocket, "open");
  const received = async (hex: string): Promise<void> => {
    while (!got.toString("hex").startsWith(hex)) {
      assert.ok(webSocket.readyState === WebSocket.OPEN, got.toString("hex"));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    got = got.subarray(hex.length / 2);
  };
  return { webSocket, closed, received };
}

const CONNECT = Buffer.from("100c00044d5154540402003c0000", "hex");
const CONNACK = "20020000";
const PINGREQ = Buffer.from("c000", "hex");
const PINGRESP = "d000";

test(
  "the sub-protocol is mqtt, whatever else is offered [MQTT-6.0.0-4; MQTT3-6.0.0-4]",
  options,
  async () => {
    for (const protocols of [["mqtt"], ["mqtt", "mqttv3.1"], ["mqttv3.1", "foo", "mqtt"]]) {
      const { webSocket, received, closed } = await openWebSocket("ws", protocols);
      assert.equal(webSocket.protocol, "mqtt");
      webSocket.send(CONNECT);
      await received(CONNACK);
      webSocket.close();
      await closed;
    }
  },
);

for (const kind of ["ws", "wss"] as const) {
  test(
    `packets and frames have nothing to do with each other over ${kind} [MQTT-6.0.0-2; MQTT3-6.0.0-2]`,
    options,
    async () => {
      const { webSocket, received, closed } = await openWebSocket(kind, ["foo", "mqttv3.1"]);
      assert.deepEqual([webSocket.protocol, webSocket.extensions], ["mqttv3.1", ""]);
      // All in one frame, with the beginning of the next packet.
      webSocket.send(Buffer.concat([CONNECT, PINGREQ, PINGREQ, PINGREQ.subarray(0, 1)]));
      await received(CONNACK + PINGRESP + PINGRESP);
      webSocket.send(PINGREQ.subarray(1));
      await received(PINGRESP);
      // Byte by byte, in frames and in fragments of one, with a ping in between.
      const subscribe = Buffer.from(`8208${"0001"}0003${"612f62"}00`, "hex");
      for (const byte of subscribe) webSocket.send(Buffer.from([byte]));
      await received("9003000100");
      const publish = Buffer.from("30070003612f626869", "hex");
      const pong = once(webSocket, "pong");
      for (const [i, byte] of publish.entries()) {
        webSocket.send(Buffer.from([byte]), { binary: true, fin: i === publish.length - 1 });
        if (i === 3) webSocket.ping("are you there");
      }
      await received(publish.toString("hex"));
      const [answer] = await pong;
      assert.equal(String(answer), "are you there");
      webSocket.close(1000);
      assert.equal(await closed, 1000);
    },
  );

  test(
    `what MQTT over ${kind} does not allow ends the connection with its code [MQTT-6.0.0-1; MQTT3-6.0.0-1]`,
    options,
    async () => {
      const text = await openWebSocket(kind);
      text.webSocket.send(CONNECT.toString("latin1"));
      assert.equal(await text.closed, 1003);
      const large = await openWebSocket(kind);
      large.webSocket.send(CONNECT);
      await large.received(CONNACK);
      large.webSocket.send(Buffer.alloc(MOST + 1));
      assert.equal(await large.closed, 1009);
      await broker.logged(/WebSocket: a message of more than 100000 bytes/);
      // Of the same size in two frames, which may be.
      const split = await openWebSocket(kind);
      split.webSocket.send(CONNECT);
      await split.received(CONNACK);
      const payload = Buffer.alloc(MOST);
      const size = 3 + payload.length;
      const publish = Buffer.concat([
        Buffer.from([0x30, 0x80 | (size & 127), 0x80 | ((size >> 7) & 127), size >> 14, 0, 1, 0x74]),
        payload,
      ]);
      split.webSocket.send(publish.subarray(0, MOST));
      split.webSocket.send(Buffer.concat([publish.subarray(MOST), PINGREQ]));
      await split.received(PINGRESP);
      split.webSocket.close();
      await split.closed;
    },
  );
}

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
