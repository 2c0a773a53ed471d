import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type ListenerConfiguration, resolveListeners } from "./listeners.ts";
import { load } from "./load-test-support.ts";
import { allOptions } from "./schema/schema.ts";

function listeners(context: TestContext, ...lines: readonly string[]): readonly ListenerConfiguration[] {
  return resolveListeners(load(context, lines.join("\n")));
}

function only(context: TestContext, ...lines: readonly string[]): ListenerConfiguration {
  const [listener, ...others] = listeners(context, ...lines);
  assert.ok(listener !== undefined && others.length === 0);
  return listener;
}

describe("listeners", () => {
  it("are none without a line", (t) => {
    assert.deepEqual(listeners(t, ""), []);
  });

  it("have the defaults where nothing else is said", (t) => {
    const listener = only(t, "listener.tcp.default = 127.0.0.1:1883");
    assert.equal(listener.kind, "tcp");
    assert.equal(listener.name, "default");
    assert.deepEqual(listener.address, { kind: "ip", host: "127.0.0.1", family: 4, port: 1883 });
    assert.equal(listener.maxConnections, 10000);
    assert.equal(listener.maxConnectionLifetimeSeconds, 0);
    assert.equal(listener.mountpoint, "");
    assert.deepEqual(listener.allowedProtocolVersions, new Set([3, 4]));
    assert.equal(listener.allowAnonymousOverride, false);
    assert.equal(listener.authPlugins, undefined);
    assert.equal(listener.authzPlugins, undefined);
    assert.equal(listener.proxy.proxyProtocol, false);
    assert.deepEqual(listener.tls.versions, ["tlsv1.2"]);
    assert.equal(listener.tls.caFile, "");
    assert.equal(listener.tls.handshakeTimeoutMilliseconds, 5000);
  });

  it("come by kind and name, on IPv6 and Unix sockets too", (t) => {
    const found = listeners(
      t,
      "listener.ws.x = ::1:8080",
      "listener.tcp.b = local:/tmp/x.sock:0",
      "listener.tcp.a\\.b = 0.0.0.0:1883",
    );
    assert.deepEqual(
      found.map(({ kind, name }) => `${kind} ${name}`),
      ["tcp a.b", "tcp b", "ws x"],
    );
    assert.deepEqual(found[1]?.address, { kind: "unix", path: "/tmp/x.sock" });
  });

  it("need an address, apart from kinds that have a default", (t) => {
    const found = listeners(
      t,
      "listener.tcp.name.allow_anonymous_override = off",
      "listener.vmq.foo.max_connections = 5",
    );
    assert.equal(found.length, 1);
    assert.deepEqual(found[0]?.address, { kind: "ip", host: "0.0.0.0", family: 4, port: 44053 });
    assert.equal(found[0]?.maxConnections, 5);
  });
});

describe("the cascade", () => {
  const address = "listener.tcp.a = 127.0.0.1:1";

  it("takes the nearest level", (t) => {
    const global = "listener.max_connections = 1";
    const protocol = "listener.tcp.max_connections = 2";
    const named = "listener.tcp.a.max_connections = 3";
    assert.equal(only(t, address, global).maxConnections, 1);
    assert.equal(only(t, address, protocol, global).maxConnections, 2);
    assert.equal(only(t, named, address, protocol, global).maxConnections, 3);
    assert.equal(
      only(t, address, "listener.ssl.max_connections = 9", "listener.tcp.b.max_connections = 8")
        .maxConnections,
      10000,
    );
  });

  it("goes on at -1 and, for text, at the empty value", (t) => {
    const above = ["listener.tcp.max_connections = 2", "listener.tcp.mountpoint = m"];
    const listener = only(
      t,
      address,
      ...above,
      "listener.tcp.a.max_connections = -1",
      "listener.tcp.a.mountpoint = ''",
    );
    assert.equal(listener.maxConnections, 2);
    assert.equal(listener.mountpoint, "m");
  });

  it("has the mountpoint off beat a name above, and infinity beat a number", (t) => {
    const above = ["listener.mountpoint = g", "listener.max_connections = 5"];
    const listener = only(
      t,
      address,
      ...above,
      "listener.tcp.a.mountpoint = off",
      "listener.tcp.max_connections = infinity",
    );
    assert.equal(listener.mountpoint, "");
    assert.equal(listener.maxConnections, Infinity);
  });

  it("holds for every attribute on every level that the schema has", (t) => {
    const samples: Readonly<Record<string, string>> = {
      flag: "on",
      integer: "77",
      "integer or infinity": "77",
      string: "text",
      "list of protocol versions": "5",
      list: "tlsv1.3",
      "colon list": "A:B",
      "semicolon list": "1.2.3.4",
      "buffer sizes": "7,8,9",
      file: "/x/y",
      "file mode": "640",
    };
    const unread = /nr_of_acceptors|active_n|watermark|config_mod|config_fun|pskfile|http_modules?\./;
    let checked = 0;
    for (const [pattern, option] of allOptions) {
      const match = /^listener\.(?:(\w+)\.)?(?:\$name\.)?(\w+)$/.exec(pattern);
      if (match === null || pattern.endsWith("$name") || unread.test(pattern)) continue;
      const kind = match[1] ?? "tcp";
      const lines = [`listener.${kind}.a = 127.0.0.1:1`, "plugins.text = on", "plugins.tlsv1\\.3 = on"];
      const before = only(t, ...lines);
      const usual = JSON.stringify(before);
      const sample = match[2]?.startsWith("proxy_protocol_use") ? "off" : (samples[option.type.name] ?? "?");
      const after = only(t, ...lines, `${pattern.replace("$name", "a")} = ${sample}`);
      const shown = (listener: ListenerConfiguration) =>
        JSON.stringify({ ...listener, allowedProtocolVersions: [...listener.allowedProtocolVersions] });
      assert.notEqual(shown(after), shown(before), pattern);
      assert.equal(JSON.stringify(before), usual);
      checked++;
    }
    assert.ok(checked > 170, `${checked} checked`);
  });
});

describe("options for several listeners, and for further certificates", () => {
  it("reach the listener", (t) => {
    const text = [
      "listener.ssl.a = 127.0.0.1:1",
      "crl_refresh_interval = 7000",
      "listener.ssl.pskfile_separator = |",
      "listener.ssl.pskfile = ./etc/keys",
    ];
    const { tls } = only(t, ...text);
    assert.equal(tls.crlRefreshMilliseconds, 7_000);
    assert.equal(tls.pskSeparator, "|");
    assert.equal(tls.pskFile, "/test/etc/keys");
    for (const kind of ["ssl", "wss", "https"]) {
      const words = ["certfile = /c", "keyfile = /k", "keypasswd = secret", "ocspfile = /o"];
      const lines = words.map((word) => `listener.${kind}.a.sni.n.${word}`);
      assert.deepEqual(only(t, `listener.${kind}.a = 127.0.0.1:1`, ...lines).tls.sni, [
        { name: "n", certificateFile: "/c", keyFile: "/k", keyPassword: "secret", ocspFile: "/o" },
      ]);
    }
  });
});
