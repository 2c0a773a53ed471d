import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveListeners } from "../config/listeners.ts";
import { load } from "../config/load-test-support.ts";
import { collide, servedBy } from "./shared-addresses.ts";

test("HTTP listeners with one address and the same options are one", (context) => {
  const all = resolveListeners(
    load(
      context,
      [
        "listener.tcp.a = 0.0.0.0:1",
        "listener.tcp.b = 127.0.0.1:1",
        "listener.http.default = 127.0.0.1:8888",
        "listener.http.all = 0.0.0.0:8888",
        "listener.http.same = 127.0.0.1:7",
        "listener.http.twin = 127.0.0.1:7",
        "listener.http.own = 127.0.0.1:7",
        "listener.http.own.http_modules = vmq_health_http",
        "listener.http.six = ::1:8888",
        "listener.https.default = 127.0.0.1:8888",
        "listener.http.any = 127.0.0.1:0",
        "listener.http.other = 127.0.0.1:0",
      ].join("\n"),
    ),
  );
  const found = all.map((one) => `${one.kind} ${one.name} ${servedBy(one, all)?.name ?? "-"}`);
  assert.deepEqual(found, [
    "tcp a -",
    "tcp b -",
    "http all -",
    "http any -",
    "http default all",
    "http other -",
    "http own -",
    "http same -",
    "http six -",
    "http twin same",
    "https default -",
  ]);
  const near = (kind: string, name: string) => {
    const one = all.find((listener) => listener.kind === kind && listener.name === name);
    assert.ok(one !== undefined);
    const others = all.filter((other) => other !== one && collide(one.address, other.address));
    return others.map((other) => `${other.kind} ${other.name}`);
  };
  assert.deepEqual(near("tcp", "b"), ["tcp a"]);
  assert.deepEqual(near("https", "default"), ["http all", "http default"]);
  assert.deepEqual(near("http", "any"), []);
});
