import assert from "node:assert/strict";
import { test } from "node:test";
import { fakePorts } from "./admin-test-support.ts";
import { createAdmin } from "./node-admin.ts";

const admin = createAdmin(fakePorts());

test("commands are offered, then flags and keys", () => {
  assert.deepEqual(admin.complete([], "se"), ["session", "set"]);
  assert.deepEqual(admin.complete(["session"], ""), ["disconnect", "reauthorize", "show"]);
  assert.deepEqual(admin.complete(["session", "disconnect"], "c"), ["client-id="]);
  assert.deepEqual(admin.complete(["session", "disconnect", "client-id=x"], "--"), [
    "--cleanup",
    "--mountpoint=",
  ]);
  assert.deepEqual(admin.complete(["bogus"], ""), []);
});

test("fields, labels and options are offered too", () => {
  assert.deepEqual(admin.complete(["session", "show", "--user"], "--client"), ["--client_id"]);
  assert.deepEqual(admin.complete(["retain", "show"], "--pay"), ["--payload"]);
  assert.deepEqual(admin.complete(["metrics", "show"], "--mqtt"), ["--mqtt_version="]);
  assert.deepEqual(admin.complete(["show"], "node"), ["nodename"]);
  assert.deepEqual(admin.complete(["describe", "nodename"], "retry"), ["retry_interval"]);
  assert.deepEqual(admin.complete(["set"], "max_i"), ["max_inflight_messages="]);
  assert.deepEqual(admin.complete(["set"], "node"), []);
});
