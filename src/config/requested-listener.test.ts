import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { load } from "./load-test-support.ts";
import { requestedListener } from "./requested-listener.ts";

describe("a listener that is asked for", () => {
  it("has its own options, and those of its kind and of all listeners where it names none", (context) => {
    const configuration = load(
      context,
      "listener.max_connections = 7\nlistener.tcp.mountpoint = m\nlistener.ssl.mountpoint = n",
    );
    const wanted = requestedListener(configuration, {
      kind: "tcp",
      address: "[::1]",
      port: 1884,
      attributes: new Map([["allowed_protocol_versions", "5"]]),
    });
    assert.ok(wanted.ok);
    const { listener } = wanted;
    assert.deepEqual(listener.address, { kind: "ip", host: "::1", family: 6, port: 1884 });
    assert.deepEqual([listener.maxConnections, listener.mountpoint], [7, "m"]);
    assert.deepEqual([...listener.allowedProtocolVersions], [5]);
    const tls = requestedListener(configuration, {
      kind: "ssl",
      address: "127.0.0.1",
      port: 0,
      attributes: new Map([["pskfile", "/x/psk"]]),
    });
    assert.ok(tls.ok);
    assert.deepEqual([tls.listener.tls.pskFile, tls.listener.mountpoint], ["/x/psk", "n"]);
  });

  it("is refused with a sentence for each mistake, without secrets", (context) => {
    const configuration = load(context, "");
    const problems = (kind: "tcp" | "ws" | "vmq", address: string, attributes: Record<string, string>) => {
      const wanted = requestedListener(configuration, {
        kind,
        address,
        port: 0,
        attributes: new Map(Object.entries(attributes)),
      });
      return wanted.ok ? [] : wanted.problems;
    };
    assert.deepEqual(problems("tcp", "local:/tmp/x", {}), []);
    assert.deepEqual(problems("ws", "local:/tmp/x", { unix_socket_mode: "600" }), []);
    assert.match(problems("tcp", "host", {}).join(), /the address host:0 is not an IP address/);
    const found = problems("tcp", "127.0.0.1", { max_connections: "many", cafile: "/x", nonsense: "1" });
    assert.equal(found.length, 3);
    assert.match(found[0] ?? "", /^max_connections = many: the value .*allowed: /);
    assert.equal(found[1], "cafile is no option of tcp listeners");
    assert.equal(found[2], "nonsense is no option of tcp listeners");
  });
});
