/** Clients behind haproxy and nginx: who they are, for the log, for commands and as user names. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import mqtt from "mqtt";
import { WebSocket } from "ws";
import { type Broker, startBroker } from "../support/broker.ts";
import type { Credentials } from "../support/certificates.ts";
import { type FrontServer, startHaproxy, startNginx, without } from "../support/front-servers.ts";
import { makePki } from "../support/pki.ts";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedPlugin } from "../support/scripted-plugin.ts";
import { oursOnly } from "../support/suite.ts";

/** Another address than that of the servers between client and broker. */
const CLIENT = "127.0.0.2";

const haproxy = { skip: oursOnly || (await without("haproxy")) };
const nginx = { skip: oursOnly || (await without("nginx")) };
const skipped = haproxy.skip !== false && nginx.skip !== false;
const directory = temporaryDirectory();
const pki = makePki(directory);
const plugin = new ScriptedPlugin();
const serverPem = join(directory, "server-with-key.pem");
writeFileSync(serverPem, `${readFileSync(pki.server.cert, "utf8")}${readFileSync(pki.server.key, "utf8")}`);

let broker: Broker;
const servers: FrontServer[] = [];
/** Listeners of the broker, and of the servers in front of it. */
const ports = { tcp: 0, named: 0, ssl: 0, ws: 0, wss: 0, forwarded: 0, authorised: 0 };
const front = {
  v1: 0,
  v2: 0,
  terminating: 0,
  unnamed: 0,
  passing: 0,
  ws: 0,
  wss: 0,
  nginx: 0,
  authorised: 0,
};

before(async () => {
  if (skipped) return;
  for (const name of Object.keys(ports)) Reflect.set(ports, name, await freePort());
  for (const name of Object.keys(front)) Reflect.set(front, name, await freePort());
  const tls = (name: string): string[] => [
    `listener.${name}.certfile = ${pki.server.cert}`,
    `listener.${name}.keyfile = ${pki.server.key}`,
    `listener.${name}.tls_version = tlsv1.2,tlsv1.3`,
    `listener.${name}.proxy_protocol = on`,
  ];
  broker = await startBroker({
    configuration: [
      "allow_anonymous = off",
      ...Object.entries(plugin.configuration).map(([key, value]) => `${key} = ${value}`),
      `listener.tcp.unnamed = 127.0.0.1:${ports.tcp}`,
      "listener.tcp.unnamed.proxy_protocol = on",
      "listener.tcp.unnamed.proxy_protocol_use_cn_as_username = off",
      `listener.tcp.named = 127.0.0.1:${ports.named}`,
      "listener.tcp.named.proxy_protocol = on",
      `listener.ssl.passed = 127.0.0.1:${ports.ssl}`,
      ...tls("ssl.passed"),
      `listener.ws.proxied = 127.0.0.1:${ports.ws}`,
      "listener.ws.proxied.proxy_protocol = on",
      `listener.wss.passed = 127.0.0.1:${ports.wss}`,
      ...tls("wss.passed"),
      `listener.ws.forwarded = 127.0.0.1:${ports.forwarded}`,
      "listener.ws.proxy_xff_support = on",
      "listener.ws.proxy_xff_trusted_intermediate = 10.0.0.1;127.0.0.1",
      `listener.ws.authorised = 127.0.0.1:${ports.authorised}`,
      "listener.ws.authorised.proxy_xff_use_cn_as_username = on",
      "listener.ws.allowed_protocol_versions = 3,4,5",
    ],
  });
  if (haproxy.skip === false) {
    const tlsBind = `ssl crt ${serverPem} ca-file ${pki.root.cert} verify optional`;
    const section = (name: keyof typeof front, bind: string, to: number, how: string): string =>
      `listen ${name}\n bind 127.0.0.1:${front[name]} ${bind}\n server broker 127.0.0.1:${to} ${how}\n`;
    const sections = [
      section("v1", "", ports.named, "send-proxy"),
      section("v2", "", ports.named, "send-proxy-v2 check inter 100"),
      section("terminating", tlsBind, ports.named, "send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id"),
      section("unnamed", tlsBind, ports.tcp, "send-proxy-v2-ssl-cn"),
      section("passing", "", ports.ssl, "send-proxy-v2"),
      section("ws", "", ports.ws, "send-proxy"),
      section("wss", "", ports.wss, "send-proxy-v2"),
    ];
    servers.push(await startHaproxy(sections.join(""), front.v1));
  }
  if (nginx.skip === false) {
    const server = (port: number, to: number): string => `
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${pki.server.cert}; ssl_certificate_key ${pki.server.key};
        ssl_client_certificate ${pki.root.cert}; ssl_verify_client optional; ssl_verify_depth 3;
        location / {
          proxy_pass http://127.0.0.1:${to};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-SSL-Client-CN $common_name;
        }
      }`;
    const name = 'map $ssl_client_s_dn $common_name { default ""; "~(^|,)CN=(?<name>[^,]+)" $name; }';
    const text = `${name}${server(front.nginx, ports.forwarded)}${server(front.authorised, ports.authorised)}`;
    servers.push(await startNginx(text, front.nginx));
  }
});

after(async () => {
  for (const server of servers) server.stop();
  await broker?.[Symbol.asyncDispose]();
  removeDirectory(directory);
  removeDirectory(plugin.directory);
});

function credentials({ cert, key }: Credentials): ConnectionOptions {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Opens a connection from CLIENT and connects as MQTT client; gives the port it comes from. */
async function arrive(port: number, clientId: string, tls?: ConnectionOptions) {
  const place = { port, host: "127.0.0.1", localAddress: CLIENT };
  const socket =
    tls === undefined ? connect(place) : connectTls({ ...place, rejectUnauthorized: false, ...tls });
  const client = RawClient.over(socket);
  client.sendConnect({ clientId, username: "from-connect" });
  await client.expect("connack", { code: 0 });
  await client.publish("t", "x", { qos: 1 });
  return { client, source: `${CLIENT}:${socket.localPort}` };
}

/** The status with which an upgrade is refused. */
async function refusalOf(webSocket: WebSocket): Promise<unknown> {
  const [, response] = await once(webSocket, "unexpected-response");
  response.resume();
  return response.statusCode;
}

/** What the log and `session show` say about a client. */
async function seen(clientId: string): Promise<{ from: string; user: string }> {
  await broker.logged(new RegExp(`client ${clientId} connected from `));
  const line = new RegExp(`client ${clientId} connected from (\\S+), .*user (\\S+),`).exec(broker.log());
  const shown = await broker.admin([
    "session",
    "show",
    `--client_id=${clientId}`,
    "--user",
    "--peer_host",
    "--peer_port",
    "--format=json",
  ]);
  const [row]: { user: string; peer_host: string; peer_port: number }[] = JSON.parse(shown.stdout).table;
  assert.equal(`${row?.peer_host}:${row?.peer_port}`, line?.[1]);
  assert.equal(row?.user, line?.[2]);
  return { from: line?.[1] ?? "", user: line?.[2] ?? "" };
}

describe("behind haproxy", haproxy, () => {
  for (const name of ["v1", "v2"] as const) {
    test(`send-proxy in version ${name}`, async () => {
      const { client, source } = await arrive(front[name], `haproxy-${name}`);
      assert.deepEqual(await seen(`haproxy-${name}`), { from: source, user: "from-connect" });
      await client.disconnect();
    });
  }

  test("its checks, for which it speaks for itself, leave no trace of trouble", async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.doesNotMatch(broker.log(), /refuses/);
  });

  test("that ends TLS and tells the common name of the client's certificate", async () => {
    const { client, source } = await arrive(front.terminating, "haproxy-cn", credentials(pki.client));
    assert.deepEqual(await seen("haproxy-cn"), { from: source, user: "good-client" });
    await client.disconnect();
    const other = await arrive(front.terminating, "haproxy-no-cn", {});
    assert.deepEqual(await seen("haproxy-no-cn"), { from: other.source, user: "from-connect" });
    await other.client.disconnect();
  });

  test("that tells a name which is not to be the user name", async () => {
    const { client, source } = await arrive(front.unnamed, "haproxy-unnamed", credentials(pki.client));
    assert.deepEqual(await seen("haproxy-unnamed"), { from: source, user: "from-connect" });
    await client.disconnect();
  });

  test("that passes TLS through: its header comes before the handshake", async () => {
    const { client, source } = await arrive(front.passing, "haproxy-passing", {});
    assert.deepEqual(await seen("haproxy-passing"), { from: source, user: "from-connect" });
    await client.disconnect();
  });

  test("the client's address is what plugins hear of", async () => {
    const { client, source } = await arrive(front.v2, "haproxy-plugin");
    const { peer } = await plugin.called("haproxy-plugin", "auth_on_register");
    assert.deepEqual(peer, { address: CLIENT, port: Number(source.split(":")[1]) });
    await client.disconnect();
  });

  for (const kind of ["ws", "wss"] as const) {
    test(`in front of ${kind}`, async () => {
      const client = await mqtt.connectAsync(`${kind}://127.0.0.1:${front[kind]}/mqtt`, {
        clientId: `haproxy-${kind}`,
        username: "from-connect",
        reconnectPeriod: 0,
        rejectUnauthorized: false,
        wsOptions: { localAddress: CLIENT },
      });
      const { from, user } = await seen(`haproxy-${kind}`);
      assert.match(from, /^127\.0\.0\.2:\d+$/);
      assert.equal(user, "from-connect");
      await client.endAsync();
    });
  }
});

describe("without a proxy where one is expected", {
  skip: oursOnly || (skipped ? "no proxy is installed" : false),
}, () => {
  test("a client is cut off, with a line in the log", async () => {
    const client = RawClient.over(connect(ports.named, "127.0.0.1"));
    client.sendConnect({ clientId: "direct" });
    await client.ended();
    await broker.logged(
      /listener named refuses 127\.0\.0\.1:\d+: PROXY header: the connection starts with something else/,
    );
  });

  test("a header that is none, too long or malformed ends the connection, with one line in the log", async () => {
    const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
    const version2 = (...rest: number[]): Buffer => Buffer.concat([signature, Buffer.from(rest)]);
    for (const [bytes, reason] of [
      ["PROXY TCP9 192.0.2.1 192.0.2.2 1 2\r\n", /neither of TCP4 nor TCP6/],
      ["PROXY TCP4 192.0.2.999 192.0.2.2 1 2\r\n", /no TCP4 address/],
      [`PROXY TCP4 ${"1".repeat(200)}`, /without an end within 107 bytes/],
      [version2(0x31, 0x11, 0, 12), /version 3 in the format of version 2/],
      [version2(0x21, 0x11, 0, 4, 1, 2, 3, 4), /too short for its addresses/],
      [version2(0x21, 0x11, 0xff, 0xff), /version 2 of 65551 bytes, more than 8192/],
    ] as const) {
      const before = broker.log().length;
      const socket = connect(ports.named, "127.0.0.1");
      const source = once(socket, "connect").then(() => socket.localPort);
      const client = RawClient.over(socket);
      socket.write(bytes);
      await client.ended();
      await broker.logged(new RegExp(`listener named refuses 127.0.0.1:${await source}: PROXY header: `));
      const lines = broker
        .log()
        .slice(before)
        .split("\n")
        .filter((line) => line.includes("refuses"));
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", reason);
    }
  });

  test("a client cannot give itself a name by headers", async () => {
    const liar = new WebSocket(`ws://127.0.0.1:${ports.authorised}/mqtt`, ["mqtt"], {
      localAddress: CLIENT,
      headers: { "X-SSL-Client-CN": "admin", "X-Forwarded-For": "192.0.2.1" },
    });
    assert.equal(await refusalOf(liar), 403);
    await broker.logged(
      /listener authorised refuses 127\.0\.0\.2:\d+: 127\.0\.0\.2 is not in proxy_xff_trusted_intermediate/,
    );
  });
});

describe("behind nginx", nginx, () => {
  const arriveAt = async (port: number, clientId: string, tls: ConnectionOptions, headers = {}) =>
    await mqtt.connectAsync(`wss://127.0.0.1:${port}/mqtt`, {
      clientId,
      username: "from-connect",
      reconnectPeriod: 0,
      connectTimeout: 5_000,
      rejectUnauthorized: false,
      wsOptions: { localAddress: CLIENT, headers, ...tls },
    });

  test("that ends TLS for wss and tells the address, of which clients cannot write the beginning", async () => {
    const client = await arriveAt(front.nginx, "nginx", {}, { "X-Forwarded-For": "6.6.6.6" });
    assert.deepEqual(await seen("nginx"), { from: `${CLIENT}:0`, user: "from-connect" });
    await client.subscribeAsync("nginx/#", { qos: 1 });
    const large = "x".repeat(200_000);
    const got = new Promise((resolve) =>
      client.once("message", (_topic, payload) => resolve(payload.toString())),
    );
    await client.publishAsync("nginx/large", large, { qos: 1 });
    assert.equal(await got, large);
    await client.endAsync();
  });

  test("that tells the common name of the client's certificate, whatever the client says", async () => {
    const client = await arriveAt(front.authorised, "nginx-cn", credentials(pki.client), {
      "X-SSL-Client-CN": "admin",
    });
    assert.deepEqual(await seen("nginx-cn"), { from: `${CLIENT}:0`, user: "good-client" });
    await client.endAsync();
  });

  test("without a certificate is refused where names come from certificates", async () => {
    const nobody = new WebSocket(`wss://127.0.0.1:${front.authorised}/mqtt`, ["mqtt"], {
      rejectUnauthorized: false,
      headers: { "X-SSL-Client-CN": "admin" },
    });
    assert.equal(await refusalOf(nobody), 403);
    await broker.logged(/listener authorised refuses .*: the header x-ssl-client-cn is missing or empty/);
  });
});
