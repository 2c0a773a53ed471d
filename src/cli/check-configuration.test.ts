import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkConfiguration } from "./check-configuration.ts";
import { installation } from "./installation.ts";
import { places } from "./places.ts";

function request(context: TestContext, text: string) {
  const root = mkdtempSync(join(tmpdir(), "vernemq-check-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const conf = join(root, "vernemq.conf");
  writeFileSync(conf, text);
  const where = places(
    { conf, dataDir: join(root, "data"), logDir: join(root, "log"), runDir: join(root, "run") },
    {},
    installation("/"),
  );
  return { root, request: { ...where, env: {} } };
}

test("warnings about options come with the answer", async (context) => {
  const { request: asked } = request(context, "plugins.vmq_acl = off\ngraphite_enabled = on");
  const { exitCode, stdout, stderr } = await checkConfiguration(asked, undefined);
  assert.equal(exitCode, 0);
  assert.equal(stdout, "config is OK\n");
  assert.match(stderr, /^warning: not in effect yet.*graphite_enabled/);
});

test("HTTP modules that nobody serves are warned of where they are written", async (context) => {
  const { root, request: asked } = request(
    context,
    "plugins.vmq_acl = off\nlistener.http.a = 127.0.0.1:0\nlistener.http.b = 127.0.0.1:0\n" +
      "http_modules = [vmq_metrics_http,vmq_mgmt_http]\nlistener.http.b.http_modules = [vmq_status_http]",
  );
  const { exitCode, stderr } = await checkConfiguration(asked, undefined);
  assert.equal(exitCode, 0);
  const conf = join(root, "vernemq.conf");
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    `warning: ${conf}:4: http_modules = [vmq_metrics_http,vmq_mgmt_http]: there is no HTTP module vmq_mgmt_http; ` +
      "there are vmq_health_http, vmq_metrics_http, vmq_http_mgmt_api, vmq_http_v2_api, vmq_status_http, vmq_http_pub, vmq_web_ui",
    `warning: ${conf}:5: listener.http.b.http_modules = [vmq_status_http]: ` +
      "HTTP module vmq_status_http is not served: this version does not have it yet",
  ]);
});

test("pipes and devices in the place of files are told, not waited for", {
  skip: process.platform === "win32",
}, async (context) => {
  const { root, request: asked } = request(context, "");
  const pipe = join(root, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const lines = [
    `log.console.file = ${pipe}`,
    `listener.ssl.certfile = ${pipe}`,
    "listener.ssl.keyfile = /dev/zero",
    "listener.ssl.a = 127.0.0.1:0",
    "log.syslog = on",
    "log.syslog.format = rfc5424",
    "log.syslog.remote.host = nowhere",
    "log.syslog.remote.protocol = tls",
    `log.syslog.remote.tls.cafile = ${pipe}`,
  ];
  writeFileSync(asked.confFile, lines.join("\n"));
  const { exitCode, stderr } = await checkConfiguration(asked, undefined);
  assert.equal(exitCode, 1);
  const conf = join(root, "vernemq.conf");
  assert.deepEqual(
    stderr.split("\n").filter((line) => line.startsWith("error: ")),
    [
      `error: ${conf}:1: log.console.file = ${pipe}: the log file cannot be used: it is a pipe`,
      `error: ${conf}:2: listener.ssl.certfile = ${pipe}: it is a pipe or a device, not a file`,
      `error: ${conf}:3: listener.ssl.keyfile = /dev/zero: it is a pipe or a device, not a file`,
      `error: ${conf}:9: log.syslog.remote.tls.cafile = ${pipe}: it cannot be read: it is a pipe, not a file`,
      "error: the configuration has 4 errors",
    ],
  );
});

test("every error is told, and then their number", async (context) => {
  const { request: asked } = request(context, "plugins.vmq_acl = off\nretry_interval = x\nfoo_bar = 1");
  const { exitCode, stdout, stderr } = await checkConfiguration(asked, undefined);
  assert.equal(exitCode, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: .*\nerror: .*\nerror: the configuration has 2 errors\n$/);
});

test("another user than the broker's: what it may not look at could not be checked", {
  skip: process.getuid?.() === 0 && !process.setegid ? "needs users" : false,
}, async (context) => {
  const { root, request: asked } = request(
    context,
    "plugins.vmq_acl = off\nlistener.tcp.a = 127.0.0.1:1\nlistener.tcp.b = 127.0.0.1:1",
  );
  const closed = join(root, "data");
  const hidden = { ...asked, directories: { ...asked.directories, data: join(closed, "below") } };
  const fine = { ...hidden, given: { ...asked.given, data: join(closed, "below") } };
  writeFileSync(join(root, "other.conf"), "plugins.vmq_acl = off\n");
  // Root may look at everything.
  const become = process.getuid?.() === 0 ? 65_534 : undefined;
  mkdirSync(closed);
  chmodSync(closed, 0);
  chmodSync(root, 0o777);
  try {
    if (become !== undefined) process.seteuid?.(become);
    const own = await checkConfiguration({ ...fine, confFile: join(root, "other.conf") }, undefined);
    assert.equal(own.exitCode, 1);
    assert.match(own.stderr, /error: platform_data_dir = \S+below: the data directory cannot be used: perm/);
    const other = await checkConfiguration({ ...fine, confFile: join(root, "other.conf") }, "vernemq");
    assert.equal(other.exitCode, 0);
    assert.match(other.stderr, /warning: could not be checked: platform_data_dir = \S+: .*permission denied/);
    assert.match(
      other.stderr,
      /warning: the broker runs as vernemq: what that user may read and write could/,
    );
    // What it can see is an error all the same.
    assert.equal((await checkConfiguration(fine, "vernemq")).exitCode, 1);
  } finally {
    if (become !== undefined) process.seteuid?.(0);
    chmodSync(closed, 0o700);
  }
});
