/** What keeps clients from harming the broker by connecting. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as passed } from "node:timers/promises";
import { ask } from "../support/http.ts";
import { freePort } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

async function metric(suite: BrokerUnderTest, name: string): Promise<number> {
  const { stdout } = await suite.broker.admin(["metrics", "show"]);
  return Number(new RegExp(`\\.${name} = (\\d+)`).exec(stdout)?.[1] ?? Number.NaN);
}

describe("limits of connections", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      "protection.max_connections_per_address": 4,
      "protection.max_unauthenticated": 3,
      "protection.max_connect_size": 2048,
    },
  });

  test("per address: no more than allowed, and room again when one goes", async () => {
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await suite.connect());
    await (await suite.open()).expectClosed();
    await suite.broker.logged(/refuses connections: 127\.0\.0\.1 has 4 connections already/);
    assert.ok((await metric(suite, "socket_refused_address")) >= 1);
    clients[0]?.destroy();
    while ((await metric(suite, "total_active_connections")) === 4);
    await suite.connect();
  });

  test("unauthenticated: who has sent no CONNECT takes no more than the given places", async () => {
    for (let i = 0; i < 3; i++) await suite.open();
    while ((await metric(suite, "unauthenticated_connections")) < 3);
    await (await suite.open()).expectClosed();
    assert.ok((await metric(suite, "socket_refused_unauthenticated")) >= 1);
  });

  test("a CONNECT is not larger than allowed; packets after it may be", async () => {
    const client = await suite.open(4);
    client.sendConnect({ clientId: "x", username: "u".repeat(3_000) });
    await client.expectClosed();
    const other = await suite.connect();
    await other.subscribe("t");
    await other.publish("t", Buffer.alloc(5_000));
    await other.receive({ topic: "t" });
  });
});

describe("connection rate", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: { allow_anonymous: "on", "protection.connection_rate": 5 },
  });

  test("a burst of one second is accepted, the rest is closed, and later there is room again", async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => suite.open()));
    let refused = await metric(suite, "socket_refused_rate");
    while (refused === 0) refused = await metric(suite, "socket_refused_rate");
    assert.ok(refused < 40, `${refused} refused`);
    for (const client of clients) client.destroy();
    await suite.broker.logged(/more than 5 connections per second/);
    for (;;) {
      const client = await RawClient.open(suite.port);
      suite.track(client);
      client.sendConnect({ clientId: "later" });
      const answer = await client.next().catch(() => undefined);
      if (answer?.cmd === "connack") break;
    }
  });
});

describe("limits of a running broker", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({ configuration: { allow_anonymous: "on" } });
  const set = async (...changes: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await suite.broker.admin(["set", ...changes]);
    assert.equal(code, 0, stdout + stderr);
  };

  test("can be changed; who is there stays, and counts", async () => {
    const first = await suite.connect();
    await set("protection.max_connections_per_address=1");
    await (await suite.open()).expectClosed();
    assert.deepEqual(await first.subscribe("t"), [0]);
    await first.disconnect();
    while ((await metric(suite, "total_active_connections")) > 0);
    const second = await suite.connect();
    await (await suite.open()).expectClosed();
    await set("protection.max_connections_per_address=0", "protection.max_connections=2");
    await suite.connect();
    await (await suite.open()).expectClosed();
    await second.disconnect();
    await set("protection.max_connections=infinity", "protection.flapping_connects=1");
    await suite.connect({ clientId: "again" });
    assert.equal((await suite.attempt({ clientId: "again", version: 5 })).connack?.code, 0x9f);
    await set("protection.flapping_connects=0", "protection.max_connect_size=1024");
    await suite.connect({ clientId: "again" });
    const large = await suite.open();
    large.sendConnect({ clientId: "x", username: "u".repeat(2_000) });
    await large.expectClosed();
  });

  test("are not changed to what is not allowed", async () => {
    const { stdout, stderr } = await suite.broker.admin(["set", "protection.max_event_loop_lag=5"]);
    assert.match(stdout + stderr, /protection\.max_event_loop_lag = 5.*allowed:/);
  });
});

describe("flapping client ids", { skip: oursOnly }, () => {
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      "protection.flapping_connects": 3,
      "protection.flapping_window": 60,
      "protection.flapping_ban": 2,
    },
  });

  for (const [version, code] of [
    [4, 3],
    [5, 0x9f],
  ] as const) {
    test(`are refused for a while, MQTT ${version}`, async () => {
      const clientId = suite.name("flapping");
      for (let i = 0; i < 3; i++) (await suite.connect({ clientId, version })).destroy();
      const refused = await suite.attempt({ clientId, version });
      assert.equal(refused.connack?.code, code);
      await refused.expectClosed();
      assert.equal((await suite.attempt({ clientId, version })).connack?.code, code);
      await suite.connect({ version });
      let again = await suite.attempt({ clientId, version });
      while (again.connack?.code !== 0) again = await suite.attempt({ clientId, version });
    });
  }
});

describe("a broker whose memory runs short", { skip: oursOnly }, async () => {
  const httpPort = await freePort();
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      "protection.max_memory": 60,
      "listener.http.default": `127.0.0.1:${httpPort}`,
    },
    // A small heap is soon full.
    env: { NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=1" },
  });
  const health = async () => await ask(httpPort, "/health");

  test("refuses new clients, keeps its old ones, is unhealthy, and recovers when there is memory again", async () => {
    const old = await suite.connect({ deadlineMs: 30_000 });
    const hungry = await suite.connect({ deadlineMs: 30_000 });
    assert.equal((await health()).status, 200);
    for (let id = 1; (await health()).status === 200; id++) {
      assert.ok(id < 400, "it never has enough");
      const filters = Array.from({ length: 1_000 }, (_, i) => ({ filter: `some/long/filter/${id}/${i}` }));
      hungry.send({ cmd: "subscribe", id, filters });
      await hungry.expect("suback", { id });
    }
    const { status, body } = await health();
    assert.equal(status, 503);
    assert.match(body, /^\{"status":"DOWN","reasons":\["memory: \d+ percent of the memory are used"\]\}$/);
    assert.equal((await ask(httpPort, "/health/ping")).status, 200);
    assert.equal((await suite.attempt({ version: 5 })).connack?.code, 0x97);
    assert.equal((await suite.attempt({ version: 4 })).connack?.code, 3);
    assert.deepEqual(await old.subscribe("t"), [0]);
    const { body: metrics } = await ask(httpPort, "/metrics");
    assert.match(metrics, /^vernemq_node_healthy\{.*\} 0$/m);
    assert.match(metrics, /^vernemq_client_refused_overload\{.*\} 2$/m);
    const { stdout: pong } = await suite.broker.command(["ping"]);
    assert.equal(pong, "pong\n", "a broker that sheds load is alive");
    await hungry.disconnect();
    while ((await health()).status !== 200);
    await suite.connect({ version: 5 });
    await suite.broker.logged(/there is memory again; new clients are accepted again/);
    // In console.log and error.log.
    const told = suite.broker.log().match(/^.* percent of the memory are used; new clients are refused$/gm);
    assert.equal(new Set(told).size, 1);
  });
});

describe("an overloaded broker", { skip: oursOnly }, async () => {
  const httpPort = await freePort();
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "on",
      "protection.max_event_loop_lag": 200,
      "listener.http.default": `127.0.0.1:${httpPort}`,
    },
  });

  test("refuses new clients, keeps its old ones, and is unhealthy until it has caught up", async () => {
    const old = await suite.connect();
    const { pid } = suite.broker;
    let five: RawClient | undefined;
    while (five === undefined || five.connack?.code === 0) {
      process.kill(pid, "SIGSTOP");
      await passed(900);
      process.kill(pid, "SIGCONT");
      five = await suite.attempt({ version: 5 });
    }
    assert.equal(five.connack?.code, 0x89);
    const { status, body } = await ask(httpPort, "/health");
    assert.equal(status, 503);
    assert.match(body, /"load: the event loop is \d+ ms behind"/);
    assert.equal((await suite.attempt({ version: 4 })).connack?.code, 3);
    assert.deepEqual(await old.subscribe("t"), [0]);
    await suite.broker.logged(/the event loop is \d+ ms behind; new clients are refused/);
    while ((await metric(suite, "node_healthy")) === 0);
    assert.equal((await ask(httpPort, "/health")).status, 200);
    await suite.connect({ version: 5 });
    await suite.broker.logged(/the event loop has caught up/);
    assert.ok((await metric(suite, "client_refused_overload")) >= 2);
  });
});
