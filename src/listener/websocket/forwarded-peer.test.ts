import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Peer } from "../../session/peer.ts";
import { forwardedPeer, TrustedProxies } from "./forwarded-peer.ts";

const proxy: Peer = { address: "10.0.0.1", port: 4_000, identity: null, certificate: null };
const trusted = new TrustedProxies(["10.0.0.1", "10.1.0.0/16", "2001:db8::/32"]);
const options = {
  proxyProtocol: false,
  useCommonNameAsUsername: false,
  forwardedFor: true,
  trustedIntermediates: [],
  useForwardedCommonNameAsUsername: false,
  commonNameHeader: "X-SSL-Client-CN",
};

function peerOf(headers: Record<string, string>, more: Partial<typeof options> = {}, peer: Peer = proxy) {
  const found = forwardedPeer(peer, headers, trusted, { ...options, ...more });
  return found.kind === "peer" ? found.peer : found.problem;
}

function addressOf(header: string): unknown {
  const found = peerOf({ "x-forwarded-for": header });
  return typeof found === "string" ? found : [found.address, found.port];
}

describe("X-Forwarded-For", () => {
  it("names the client, with or without a port", () => {
    assert.deepEqual(addressOf("192.0.2.7"), ["192.0.2.7", 0]);
    assert.deepEqual(addressOf(" 192.0.2.7:4711 "), ["192.0.2.7", 4_711]);
    assert.deepEqual(addressOf("2001:db9::7"), ["2001:db9::7", 0]);
    assert.deepEqual(addressOf("[2001:db9::7]:4711"), ["2001:db9::7", 4_711]);
    assert.deepEqual(addressOf("[2001:db9::7]"), ["2001:db9::7", 0]);
  });

  it("is read from its end, past trusted proxies: clients can write its beginning", () => {
    assert.deepEqual(addressOf("6.6.6.6, 192.0.2.7"), ["192.0.2.7", 0]);
    assert.deepEqual(addressOf("6.6.6.6, 192.0.2.7, 10.1.2.3, 10.0.0.1"), ["192.0.2.7", 0]);
    assert.deepEqual(addressOf("nonsense, 192.0.2.7"), ["192.0.2.7", 0]);
    assert.deepEqual(addressOf("10.1.2.3, 2001:db8::1"), ["10.1.2.3", 0]);
  });

  it("that is missing leaves the proxy as the peer", () => {
    assert.deepEqual(peerOf({}), proxy);
  });

  it("is believed from trusted proxies only", () => {
    const stranger = { ...proxy, address: "192.0.2.99" };
    assert.deepEqual(peerOf({ "x-forwarded-for": "192.0.2.7" }, {}, stranger), stranger);
    const local = { ...proxy, address: "local" };
    assert.deepEqual(peerOf({ "x-forwarded-for": "192.0.2.7" }, {}, local), local);
  });

  it("is believed over a Unix socket when local is trusted", () => {
    const local = { ...proxy, address: "local", port: 0 };
    const headers = { "x-forwarded-for": "6.6.6.6, 192.0.2.7, 10.0.0.1" };
    const found = forwardedPeer(local, headers, new TrustedProxies(["10.0.0.1", "local"]), options);
    assert.deepEqual(found, { kind: "peer", peer: { ...local, address: "192.0.2.7" } });
  });

  it("with anything else than addresses where the client should be is refused", () => {
    for (const header of [
      "unknown",
      "192.0.2.7, ",
      "192.0.2.7:99999",
      "192.0.2.256",
      "[192.0.2.7]:1",
      "::1:::",
    ]) {
      assert.match(String(addressOf(header)), /IP addresses/, header);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (header) => {
        addressOf(header);
      }),
    );
  });
});

describe("the header with the common name", () => {
  const on = { useForwardedCommonNameAsUsername: true };

  it("is the user name", () => {
    const headers = {
      "x-forwarded-for": "192.0.2.7",
      "x-ssl-client-cn": Buffer.from("größer").toString("latin1"),
    };
    assert.deepEqual(peerOf(headers, on), {
      address: "192.0.2.7",
      port: 0,
      identity: "größer",
      certificate: { commonName: "größer", der: null },
    });
    assert.equal(Reflect.get(Object(peerOf(headers)), "identity"), null);
  });

  it("must be there, and come from a trusted proxy", () => {
    assert.match(String(peerOf({}, on)), /X-SSL-Client-CN is missing/);
    assert.match(String(peerOf({ "x-ssl-client-cn": " " }, on)), /missing or empty/);
    assert.match(
      String(peerOf({ "x-ssl-client-cn": "a" }, on, { ...proxy, address: "192.0.2.99" })),
      /192.0.2.99/,
    );
  });
});

it("trusted proxies are addresses or networks", () => {
  assert.ok(trusted.has("10.0.0.1") && trusted.has("::ffff:10.0.0.1") && trusted.has("2001:db8:1::1"));
  assert.ok(!trusted.has("10.0.0.2") && !trusted.has("unknown"));
  for (const entry of ["proxy.example.org", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::/129", ""]) {
    assert.throws(() => new TrustedProxies([entry]), /neither an IP address nor a network/, entry);
  }
});
