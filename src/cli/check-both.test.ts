import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkConfiguration } from "./check-configuration.ts";
import { installation } from "./installation.ts";
import { places } from "./places.ts";

/** The errors of a configuration, and the warnings about what it names; without the folder of its files. */
async function complaints(
  context: TestContext,
  files: Readonly<Record<string, string>>,
  dataDir?: string,
): Promise<readonly string[]> {
  const root = mkdtempSync(join(tmpdir(), "vernemq-check-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ["log", "run", "data"]) mkdirSync(join(root, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const given = {
    logDir: join(root, "log"),
    runDir: join(root, "run"),
    ...(dataDir !== undefined && { dataDir }),
  };
  const where = places({ conf: join(root, "vernemq.conf"), ...given }, {}, installation("/"));
  const { stderr } = await checkConfiguration({ ...where, env: {} }, undefined);
  const lines = stderr.trimEnd().replaceAll(`${root}/`, "").split("\n");
  return lines.map((line) => line.replace(/; (allowed|did you mean).*/, ""));
}

const QUIET = "plugins.vmq_acl = off\nplugins.vmq_passwd = off\n";

test("wrong options, files and addresses are told together, in the order of files and lines", async (context) => {
  const found = await complaints(
    context,
    {
      "vernemq.conf": [
        "listener.ssl.a = 127.0.0.1:1",
        "listener.ssl.a.certfile = /none/cert.pem",
        "retry_interval = x",
        "log.console = file",
        "log.console.file = /proc/none/console.log",
        "include more.conf",
        "listener.tcp.b = 127.0.0.1:1",
        "allow_anonymos = on",
      ].join("\n"),
      "more.conf": `${QUIET}listener.ssl.a.cafile = /none/ca.pem\nmax_client_id_size = y\nplugins.mine = on\nplugins.mine.path = /none`,
    },
    "/proc/none",
  );
  assert.deepEqual(found, [
    "warning: more.conf:5: plugins.mine = on: /none cannot be loaded: it does not exist",
    "error: vernemq.conf:1: listener.ssl.a = 127.0.0.1:1: listener.tcp.b (vernemq.conf:7) has this address and port already",
    "error: vernemq.conf:2: listener.ssl.a.certfile = /none/cert.pem: the file does not exist",
    "error: vernemq.conf:3: retry_interval = x: is not a whole number",
    "error: vernemq.conf:5: log.console.file = /proc/none/console.log: the log file cannot be used: its directory: nothing can be made in /proc",
    "error: vernemq.conf:8: allow_anonymos: there is no option of this name",
    "error: more.conf:3: listener.ssl.a.cafile = /none/ca.pem: the file does not exist",
    "error: more.conf:4: max_client_id_size = y: is not a whole number",
    "error: platform_data_dir = /proc/none: the data directory cannot be used: nothing can be made in /proc",
    "error: the configuration has 8 errors",
  ]);
});

test("a wrong option brings no other error with it", async (context) => {
  const tls = ["listener.ssl.a = 127.0.0.1:1", "listener.ssl.a.keyfile = /none/key.pem"];
  const cases: Readonly<Record<string, readonly string[]>> = {
    "a misspelt certfile": [...tls, "listener.ssl.a.certfle = /none/cert.pem"],
    "a certfile that refers to nothing": [...tls, "listener.ssl.a.certfile = $(nothing)"],
    "a certfile in a line that cannot be read": [...tls, "listener.ssl.a.certfile /none/cert.pem"],
    "a certfile for all listeners, misspelt": [...tls, "listener.ssl.certfle = /none/cert.pem"],
    "an address of a listener with a default": ["listener.http.a = x", "listener.http.b = 127.0.0.1:8888"],
    "an option of one of two listeners that may be one": [
      "listener.http.a = 127.0.0.1:1",
      "listener.http.b = 127.0.0.1:1",
      "listener.http.b.max_connections = x",
    ],
    "a data directory": ["platform_data_dir = $(nothing)", "log.crash.file = data/none/crash.log"],
    "a misspelt data directory": ["platform_data_dr = /none"],
    "where the log goes": ["log.console = fil", "log.console.file = /proc/none/console.log"],
    "whether plugins are asked": [
      "allow_anonymous = maybe",
      "plugins.vmq_passwd = on",
      "vmq_passwd.password_file = /none",
    ],
    "the plugin of a chain": [
      "plugins.mine = perhaps",
      "listener.tcp.a = 127.0.0.1:1",
      "listener.tcp.a.auth_plugins = mine",
    ],
    "the partner of a key": ["vmq_webhooks.a.hook = on_register", "vmq_webhooks.a.endpoint = $(nothing)"],
  };
  for (const [what, lines] of Object.entries(cases)) {
    const found = await complaints(context, { "vernemq.conf": `${QUIET}${lines.join("\n")}` });
    assert.equal(found.length, 2, `${what}:\n${found.join("\n")}`);
    assert.match(found.at(-1) ?? "", /has one error$/, what);
  }
});

test("what does not depend on the wrong option is looked at all the same", async (context) => {
  const certificate = ["listener.ssl.a = 127.0.0.1:1", "listener.ssl.a.certfile = /none/cert.pem"];
  const cases: Readonly<Record<string, readonly string[]>> = {
    "another option of the listener": [...certificate, "listener.ssl.a.depth = x"],
    "another file of the listener": [...certificate, "listener.ssl.a.cafil = /none"],
    "a line that cannot be read": [...certificate, "what is this"],
    "another kind of listener": ["listener.ssl.a = 127.0.0.1:1", "listener.tcp.max_connections = x"],
  };
  for (const [what, lines] of Object.entries(cases)) {
    const found = await complaints(context, { "vernemq.conf": `${QUIET}${lines.join("\n")}` });
    assert.equal(found.length, 3, `${what}:\n${found.join("\n")}`);
    assert.match(found.join("\n"), /the file does not exist|there is no certfile/, what);
    assert.match(found.at(-1) ?? "", /has 2 errors$/, what);
  }
});
