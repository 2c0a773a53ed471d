/** Listeners for HTTP: what they serve, to whom, and within which limits. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { ask, exchange, untilClosed } from "../support/http.ts";
import { makePki } from "../support/pki.ts";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const OK = '{"status":"OK"}';

describe("health and metrics over HTTP", { skip: oursOnly }, async () => {
  const port = await freePort();
  const suite = new BrokerUnderTest({
    configuration: { allow_anonymous: "on", "listener.http.default": `127.0.0.1:${port}` },
  });
  before(async () => await suite.broker.logged(/is ready/));
  const admin = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await suite.broker.admin(["listener", ...words]);
    return `${stdout}${stderr}`.trim();
  };

  test("every check is OK while all is well, whatever the method", async () => {
    for (const path of [
      "/health",
      "/health/ping",
      "/health/listeners",
      "/health/listeners_full_cluster",
      "/health?x=1",
    ]) {
      const { status, headers, body } = await ask(port, path);
      assert.deepEqual([path, status, body], [path, 200, OK]);
      assert.equal(headers["content-type"], "application/json");
    }
    assert.equal((await ask(port, "/health", { method: "POST", body: "x" })).body, OK);
  });

  test("a listener that accepts no more turns health red, not ping", async () => {
    const place = ["address=127.0.0.1", `port=${suite.port}`];
    assert.equal(await admin("stop", ...place), "Done");
    const reason = "Listeners are not ready: [mqtt]";
    const answers = async () =>
      await Promise.all(
        ["/health", "/health/listeners", "/health/listeners_full_cluster", "/health/ping"].map(
          async (path) => await ask(port, path),
        ),
      );
    assert.deepEqual(
      (await answers()).map(({ status, body }) => [status, JSON.parse(body)]),
      [
        [503, { status: "DOWN", reasons: [reason] }],
        [503, { status: "DOWN", reason }],
        [503, { status: "DOWN", reasons: [reason] }],
        [200, { status: "OK" }],
      ],
    );
    assert.equal(await admin("restart", ...place), "Done");
    assert.deepEqual(
      (await answers()).map(({ status }) => status),
      [200, 200, 200, 200],
    );
  });

  test("metrics are what Prometheus reads, and move", async () => {
    const scrape = async () => {
      const { status, headers, body } = await ask(port, "/metrics");
      assert.equal(status, 200);
      assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
      assert.equal(headers.allow, "HEAD, GET, OPTIONS");
      return body;
    };
    const value = (body: string, series: string): number => {
      const line = body.split("\n").find((one) => one.startsWith(`${series} `));
      assert.ok(line !== undefined, series);
      return Number(line.slice(series.length));
    };
    const node = `node="test-${suite.port}@127.0.0.1"`;
    const connects = `vernemq_mqtt_connect_received{${node},mqtt_version="5"}`;
    const first = await scrape();
    await suite.connect({ version: 5 });
    const second = await scrape();
    assert.equal(value(second, connects) - value(first, connects), 1);
    assert.equal(value(second, `vernemq_active_mqtt_connections{${node}}`), 1);
    assert.equal(value(second, `vernemq_node_healthy{${node}}`), 1);

    const types = new Map<string, string>();
    const helped = new Set<string>();
    let current = "";
    for (const line of second.trimEnd().split("\n")) {
      const [, about, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
      if (about === "HELP") {
        assert.ok(!helped.has(name), `a second HELP of ${name}`);
        helped.add(name);
      } else if (about === "TYPE") {
        assert.ok(helped.has(name) && !types.has(name), name);
        assert.match(rest, /^(counter|gauge|histogram)$/);
        types.set(name, rest);
        current = name;
      } else {
        const [, series = ""] = /^(\w+)\{node="[^"]+"(?:,\w+="[^"\n]*")*\} -?\d+(?:\.\d+)?$/.exec(line) ?? [];
        assert.ok(series !== "", line);
        const own = types.get(current) === "histogram" ? series.replace(/_(bucket|sum|count)$/, "") : series;
        assert.equal(own, current, line);
      }
    }
    assert.ok(types.size > 90, `${types.size} families`);
  });

  test("the buckets of a histogram add up", async () => {
    const { body } = await ask(port, "/metrics");
    const buckets = [...body.matchAll(/^vernemq_storage_write_microseconds_bucket\{.*,le="(.*)"\} (\d+)$/gm)];
    assert.deepEqual(
      buckets.map(([, bound]) => bound),
      ["10", "100", "1000", "10000", "100000", "1000000", "+Inf"],
    );
    const counts = buckets.map(([, , count]) => Number(count));
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
    );
    const total = /^vernemq_storage_write_microseconds_count\{.*\} (\d+)$/m.exec(body)?.[1];
    assert.equal(counts.at(-1), Number(total));
  });

  test("other paths, methods and types are refused", async () => {
    const statuses: (readonly [number, string, Parameters<typeof ask>[2]?])[] = [
      [404, "/"],
      [404, "/health/"],
      [404, "/api/v1/session/show"],
      [405, "/metrics", { method: "POST" }],
      [200, "/metrics", { method: "OPTIONS" }],
      [406, "/metrics", { headers: { accept: "application/json" } }],
      [200, "/metrics", { headers: { accept: "application/openmetrics-text;q=0.8,text/plain;q=0.5" } }],
    ];
    for (const [status, path, options] of statuses) {
      assert.deepEqual([path, (await ask(port, path, options)).status], [path, status]);
    }
    const head = await ask(port, "/metrics", { method: "HEAD" });
    assert.deepEqual([head.status, head.body], [200, ""]);
    assert.ok(Number(head.headers["content-length"]) > 10_000);
  });

  test("what is too long is refused: request line, header, body", async () => {
    assert.equal((await ask(port, `/health?${"x".repeat(7_900)}`)).status, 200);
    assert.equal((await ask(port, `/health?${"x".repeat(8_000)}`)).status, 414);
    assert.equal((await ask(port, "/health", { headers: { a: "x".repeat(4_096) } })).status, 200);
    assert.equal((await ask(port, "/health", { headers: { a: "x".repeat(4_097) } })).status, 431);
    assert.match(
      await exchange(
        port,
        `GET /health HTTP/1.1\r\nHost: x\r\n${`A: ${"x".repeat(4_000)}\r\n`.repeat(9)}\r\n`,
      ),
      /^HTTP\/1\.1 431 /,
    );
    assert.match(
      await exchange(port, "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"),
      /^HTTP\/1\.1 413 /,
    );
    assert.match(
      await exchange(
        port,
        "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
      ),
      /^HTTP\/1\.1 413 /,
    );
    assert.match(await exchange(port, "MQTT is something else\r\n\r\n"), /^HTTP\/1\.1 400 /);
    await suite.broker.logged(/listener default closes 127\.0\.0\.1:\d+: Parse Error/);
    assert.equal((await ask(port, "/health")).status, 200);
  });

  test("a connection serves one request after the other", async () => {
    const socket = connect({ port, host: "127.0.0.1" });
    const request = "GET /health/ping HTTP/1.1\r\nHost: x\r\n\r\n";
    socket.write(request.repeat(2));
    socket.write("GET /health/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const answers = await untilClosed(socket);
    assert.equal(answers.split(OK).length - 1, 3);
  });

  test("listeners come and go at run time, with modules of their own", async () => {
    const other = await freePort();
    const place = ["address=127.0.0.1", `port=${other}`];
    assert.equal(
      await admin("start", ...place, "--http", "--http_modules=[vmq_metrics_http]", "--max_connections=1"),
      "Done",
    );
    assert.equal((await ask(other, "/metrics")).status, 200);
    assert.equal((await ask(other, "/health")).status, 404);
    const row = async () =>
      (await admin("show", "--format=csv")).split(/\r?\n/).find((line) => line.includes(`${other}`)) ?? "";
    while (!(await row()).endsWith(",1,0,2"));
    const idle = connect({ port: other, host: "127.0.0.1" });
    const closed = untilClosed(idle);
    idle.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => idle.once("data", resolve));
    await assert.rejects(ask(other, "/metrics"), "over max_connections");
    await suite.broker.logged(/refuses connections: it has reached max_connections/);
    assert.match(await row(), /^http,running,127\.0\.0\.1,\d+,,1,1,3$/);
    assert.equal(await admin("stop", ...place), "Done");
    await assert.rejects(ask(other, "/metrics"));
    const { body } = await ask(port, "/health/listeners");
    assert.equal(JSON.parse(body).reason, "Listeners are not ready: [http]");
    assert.equal(await admin("delete", ...place), "Done");
    await closed;
    assert.equal((await ask(port, "/health")).status, 200);
  });

  test("a place that is taken is said, and nothing is changed", async () => {
    assert.match(
      await admin("start", "address=127.0.0.1", `port=${suite.port}`, "--http"),
      /already_started/,
    );
    await assert.rejects(
      startBroker({ configuration: { "listener.http.default": `127.0.0.1:${port}` } }),
      new RegExp(
        `error: \\S+\\.conf:\\d+: listener\\.http\\.default cannot listen on 127\\.0\\.0\\.1:${port}: another program listens there \\(EADDRINUSE\\)`,
      ),
    );
  });
});

describe("HTTP over TLS, behind a proxy, on a Unix socket", { skip: oursOnly }, () => {
  const directory = temporaryDirectory();
  const path = join(directory, "http.sock");
  const pki = makePki(directory);
  let ports: Record<"tls" | "strict" | "proxied" | "both" | "closed", number>;
  let broker: Broker;
  before(async () => {
    ports = {
      tls: await freePort(),
      strict: await freePort(),
      proxied: await freePort(),
      both: await freePort(),
      closed: await freePort(),
    };
    broker = await startBroker({
      configuration: [
        `listener.https.certfile = ${pki.server.cert}`,
        `listener.https.keyfile = ${pki.server.key}`,
        "listener.https.tls_version = tlsv1.2,tlsv1.3",
        `listener.https.plain = 127.0.0.1:${ports.tls}`,
        `listener.https.strict = 127.0.0.1:${ports.strict}`,
        `listener.https.strict.cafile = ${pki.root.cert}`,
        "listener.https.strict.require_certificate = on",
        "listener.https.strict.depth = 2",
        `listener.https.both = 127.0.0.1:${ports.both}`,
        "listener.https.both.proxy_protocol = on",
        `listener.http.proxied = 127.0.0.1:${ports.proxied}`,
        "listener.http.proxied.proxy_protocol = on",
        `listener.http.socket = local:${path}:0`,
        "listener.http.socket.unix_socket_mode = 600",
        `listener.http.closed = 127.0.0.1:${ports.closed}`,
        "listener.http.closed.http_modules = [vmq_health_http, vmq_metrics_http, vmq_web_ui, vmq_nothing]",
        "listener.http.closed.http_module.vmq_metrics_http.auth.mode = apikey",
        "prometheus_namespace = my_",
      ],
    });
    await broker.logged(/is ready/);
  });
  after(async () => {
    await broker[Symbol.asyncDispose]();
    removeDirectory(directory);
  });

  test("TLS, with and without a client's certificate", async () => {
    assert.equal((await ask(ports.tls, "/health", { tls: {} })).body, OK);
    await assert.rejects(ask(ports.tls, "/health"));
    await broker.logged(/listener plain refuses 127\.0\.0\.1:\d+: TLS handshake failed/);
    await assert.rejects(ask(ports.strict, "/health", { tls: {} }));
    const tls = { cert: readFileSync(pki.client.cert), key: readFileSync(pki.client.key) };
    assert.equal((await ask(ports.strict, "/health", { tls })).body, OK);
  });

  test("the header of the PROXY protocol", async () => {
    const request = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const header = "PROXY TCP4 192.0.2.9 127.0.0.1 4711 80\r\n";
    assert.match(await exchange(ports.proxied, header + request), /^HTTP\/1\.1 200 OK/);
    assert.equal(await exchange(ports.proxied, request), "");
    await broker.logged(/listener proxied refuses 127\.0\.0\.1:\d+: PROXY header/);
    assert.match(await exchange(ports.proxied, `${header}nonsense\r\n\r\n`), /^HTTP\/1\.1 400 /);
    await broker.logged(/listener proxied closes 192\.0\.2\.9:4711: Parse Error/);
    assert.equal(await exchange(ports.both, request), "");
  });

  test("a Unix socket", async () => {
    assert.equal((await ask(0, "/health", { socketPath: path })).body, OK);
    const { stdout } = await broker.admin(["listener", "show", "--format=csv"]);
    assert.match(stdout, new RegExp(`http,running,local:${path},0,`));
  });

  test("modules that are not there or would be open are not served, and the log says why", async () => {
    assert.equal((await ask(ports.closed, "/health")).status, 200);
    assert.equal((await ask(ports.closed, "/metrics")).status, 404);
    const log = broker.log();
    for (const pattern of [
      /HTTP module vmq_metrics_http is not served: its auth\.mode is apikey, and this version has no API keys/,
      /vmq_web_ui is not served: this version does not have it yet/,
      /there is no HTTP module vmq_nothing; there are vmq_health_http, /,
    ]) {
      assert.equal(log.match(new RegExp(pattern, "g"))?.length, 1, String(pattern));
    }
  });

  test("the names of metrics begin as configured", async () => {
    const { body } = await ask(ports.tls, "/metrics", { tls: {} });
    assert.match(body, /^my_socket_open\{node=/m);
    assert.doesNotMatch(body, /vernemq_/);
  });
});

test("listeners of one port", { skip: oursOnly }, async () => {
  const port = await freePort();
  const shared = {
    "listener.http.default": `127.0.0.1:${port}`,
    "listener.http.metrics": `0.0.0.0:${port}`,
  };
  await using broker = await startBroker({ configuration: shared });
  await broker.logged(/is ready/);
  assert.equal((await ask(port, "/metrics")).status, 200);
  await broker.logged(/listener\.http\.default is not opened: listener\.http\.metrics has its address/);
});

test("an idle connection does not hold up the end of the broker", { skip: oursOnly }, async () => {
  const port = await freePort();
  await using broker = await startBroker({ configuration: { "listener.http.default": `127.0.0.1:${port}` } });
  await broker.logged(/is ready/);
  const idle = connect({ port, host: "127.0.0.1" });
  idle.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  await new Promise((resolve) => idle.once("data", resolve));
  const closed = untilClosed(idle);
  assert.equal(await broker.stop(), 0);
  await closed;
  assert.match(broker.log(), /stopped/);
});
