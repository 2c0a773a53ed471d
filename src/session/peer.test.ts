import assert from "node:assert/strict";
import { test } from "node:test";
import { peerText } from "./peer.ts";

test("a peer is shown as address and port, one behind a Unix socket without a port", () => {
  const rest = { identity: null, certificate: null };
  for (const [address, port, text] of [
    ["192.0.2.7", 1000, "192.0.2.7:1000"],
    ["2001:db8::7", 1000, "[2001:db8::7]:1000"],
    ["local", 0, "local"],
    ["local:/run/proxy.sock", 0, "local:/run/proxy.sock"],
  ] as const) {
    assert.equal(peerText({ address, port, ...rest }), text);
  }
});
