/** Listeners of several kinds of addresses, from the configuration and by command. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";
import { openUnixWebSocket } from "../support/transport.ts";

const noIpv6 = !Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === "::1"),
);

describe("tcp_listen_options", {
  skip: oursOnly || (process.platform === "linux" ? false : "reads /proc"),
}, () => {
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      tcp_listen_options: "[{nodelay, true}, {keepalive, true}, {send_timeout, 30000}]",
    },
  });

  test("connections without traffic are probed", async () => {
    const client = await suite.connect();
    await client.subscribe("t");
    const port = suite.port.toString(16).toUpperCase().padStart(4, "0");
    // Local address, remote address, state 01 (established), queues, timer 02 (keep-alive) and when it is due.
    const probed = new RegExp(`:${port} \\S+ 01 \\S+ 02:`);
    while (!probed.test(readFileSync("/proc/net/tcp", "utf8")));
  });
});

describe("listeners", { skip: oursOnly }, async () => {
  const directory = temporaryDirectory();
  const [six, both] = [await freePort(), await freePort()];
  const path = join(directory, "mqtt.sock");
  const webPath = join(directory, "web.sock");
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      ...(!noIpv6 ? { "listener.tcp.six": `[::1]:${six}`, "listener.tcp.all6": `:::${both}` } : {}),
      "listener.tcp.all": `0.0.0.0:${both}`,
      "listener.tcp.local": `local:${path}:0`,
      "listener.tcp.local.unix_socket_mode": "660",
      "listener.tcp.local.mountpoint": "of-the-socket",
      "listener.ws.local": `local:${webPath}:0`,
      "listener.ws.local.unix_socket_mode": "600",
      "listener.ws.local.proxy_xff_support": "on",
      "listener.ws.local.proxy_xff_trusted_intermediate": "local",
    },
  });
  after(() => removeDirectory(directory));
  const admin = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await suite.broker.admin(["listener", ...words]);
    return `${stdout}${stderr}`.trim();
  };
  const rows = async (): Promise<Record<string, unknown>[]> => {
    const shown: { table: Record<string, unknown>[] } = JSON.parse(await admin("show", "--format=json"));
    return shown.table;
  };
  const row = async (port: number) => (await rows()).find((one) => one.port === String(port));
  const at = async (port: number, host = "127.0.0.1", version: 4 | 5 = 4): Promise<RawClient> =>
    suite.track(await RawClient.connect(port, { clientId: suite.name("c"), host, version }));
  const peers = async (): Promise<string> =>
    (await suite.broker.admin(["session", "show", "--peer_host", "--format=csv"])).stdout;

  test("work on IPv4, IPv6, both wildcard addresses of one port, and a Unix socket [MQTT-4.2-1; MQTT3-7.1.1-1]", async () => {
    await at(both, "127.0.0.1");
    if (!noIpv6) await at(six, "::1");
    if (!noIpv6) await at(both, "::1");
    assert.equal(statSync(path).mode & 0o777, 0o660);
    const socket = connect({ path });
    after(() => socket.destroy());
    // CONNECT of MQTT 3.1.1, client id "u".
    socket.write(Buffer.from("100d00044d51545404020000000175", "hex"));
    await new Promise((resolve) => socket.once("data", resolve));
    assert.match(await peers(), /local/);
    if (!noIpv6) assert.match(await peers(), /::1/);
    const local = (await rows()).find((one) => one.address === `local:${path}`);
    assert.deepEqual([local?.mountpoint, local?.active_conns, local?.all_conns], ["of-the-socket", 1, 1]);
  });

  test("speak WebSocket on Unix sockets too, and hear of the client from a proxy there", async () => {
    assert.equal(statSync(webPath).mode & 0o777, 0o600);
    const open = async (headers: Record<string, string>): Promise<RawClient> => {
      const client = suite.track(RawClient.over(await openUnixWebSocket(webPath, headers)));
      client.sendConnect({ clientId: suite.name("c") });
      await client.expect("connack", { code: 0 });
      return client;
    };
    await open({});
    assert.match(await peers(), /^local$/m);
    await open({ "X-Forwarded-For": "192.0.2.44" });
    assert.match(await peers(), /^192\.0\.2\.44$/m);
    const shown = (await rows()).find((one) => one.address === `local:${webPath}`);
    assert.deepEqual([shown?.type, shown?.port, shown?.active_conns], ["mqttws", "0", 2]);
    const place = [`address=local:${webPath}.2`, "port=0"];
    assert.equal(await admin("start", ...place, "--websocket"), "Done");
    assert.ok(existsSync(`${webPath}.2`));
    assert.equal(await admin("delete", ...place), "Done");
    assert.ok(!existsSync(`${webPath}.2`));
  });

  test("start at run time with their options, stop, restart, and go", async () => {
    const port = await freePort();
    const place = ["address=127.0.0.1", `port=${port}`];
    assert.equal(
      await admin(
        "start",
        ...place,
        "--mountpoint=m",
        "--max_connections=1",
        "--allowed_protocol_versions=5",
      ),
      "Done",
    );
    const first = await at(port, "127.0.0.1", 5);
    const shown = await row(port);
    assert.deepEqual(
      [shown?.type, shown?.status, shown?.mountpoint, shown?.max_conns, shown?.active_conns],
      ["mqtt", "running", "m", 1, 1],
    );
    await assert.rejects(at(port, "127.0.0.1", 5), "over max_connections");
    assert.match(await admin("start", ...place), /^can't start listener due to 'already_started'/);
    assert.equal(await admin("stop", ...place), "Done");
    assert.equal((await row(port))?.status, "suspended");
    await assert.rejects(at(port), /ECONNREFUSED/);
    assert.deepEqual(await first.subscribe("t"), [0], "the open connection stays");
    assert.equal(await admin("restart", ...place), "Done");
    first.destroy();
    while ((await row(port))?.active_conns !== 0);
    const second = await at(port, "127.0.0.1", 5);
    assert.equal(await admin("stop", ...place, "-k"), "Done");
    await second.expectDisconnect(0x98);
    assert.equal(await row(port), undefined);
    assert.match(await admin("restart", ...place), /^can't restart listener due to 'not_found'/);
    assert.match(await admin("stop", ...place), /'not_found'/);
    assert.match(await admin("delete", ...place), /'not_found'/);
  });

  test("are deleted with their connections", async () => {
    const port = await freePort();
    const place = ["address=127.0.0.1", `port=${port}`];
    assert.equal(await admin("start", ...place), "Done");
    const client = await at(port);
    assert.equal(await admin("delete", ...place), "Done");
    await client.expectClosed();
    await assert.rejects(at(port), /ECONNREFUSED/);
    const socket = join(directory, "second.sock");
    assert.equal(await admin("start", `address=local:${socket}`, "port=0"), "Done");
    assert.ok(existsSync(socket));
    assert.equal(await admin("delete", `address=local:${socket}`, "port=0"), "Done");
    while (existsSync(socket)) await new Promise((resolve) => setImmediate(resolve));
  });

  test("are there after a restart if that was asked for, until they are deleted", async () => {
    const [kept, left] = [await freePort(), await freePort()];
    assert.equal(
      await admin("start", "address=127.0.0.1", `port=${kept}`, "--mountpoint=kept", "--save"),
      "Done",
    );
    assert.equal(await admin("start", "address=127.0.0.1", `port=${left}`), "Done");
    await suite.broker.restart();
    assert.equal((await row(kept))?.mountpoint, "kept");
    assert.equal(await row(left), undefined);
    await at(kept);
    assert.equal(await admin("delete", "address=127.0.0.1", `port=${kept}`), "Done");
    await suite.broker.restart();
    assert.equal(await row(kept), undefined);
  });

  test("say precisely why they cannot be started", async () => {
    const start = (...words: string[]) => admin("start", "address=127.0.0.1", ...words);
    const taken = await freePort();
    assert.equal(await start(`port=${taken}`), "Done");
    assert.match(await start(`port=${taken}`), /'already_started'/);
    assert.match(await admin("start", "address=0.0.0.0", `port=${taken}`), /'eaddrinuse': .*EADDRINUSE/);
    assert.match(
      await admin("start", "address=host", "port=1"),
      /'invalid_options': the address host:1 is not an IP/,
    );
    assert.match(await start("port=0", "--max_connections=x"), /max_connections = x: the value /);
    assert.match(await start("port=0", "--cafile=/x"), /cafile is no option of tcp listeners/);
    assert.match(
      await start("port=0", "--auth_plugins=[nope]"),
      /'unknown_or_disabled_plugin': .*nope in auth_plugins/,
    );
    assert.match(await start("port=0", "--auth_plugins=[vmq_acl,vmq_acl]"), /names vmq_acl twice/);
  });
});
