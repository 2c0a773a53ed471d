import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configUsage, describeCommand, effectiveCommand, generateCommand } from "./commands.ts";
import { shippedConfFile } from "./generate/conf-file.ts";
import { referencePage } from "./generate/reference-page.ts";
import { resolveListeners } from "./listeners.ts";
import { loadConfiguration } from "./load.ts";
import { requestFor } from "./load-test-support.ts";
import { listenerAttributes } from "./schema/listener/listener.ts";
import { allOptions } from "./schema/schema.ts";

const root = join(import.meta.dirname, "..", "..");

describe("the commands", () => {
  it("show a right configuration", (t) => {
    const request = requestFor(t, { "vernemq.conf": "retry_interval = 5\ngraphite_enabled = on" });
    const effective = effectiveCommand(request);
    assert.equal(effective.exitCode, 0);
    assert.match(effective.stderr, /^warning: not in effect yet.*graphite_enabled/);
    assert.match(effective.stdout, /^retry_interval = 5$/m);
    const generated = generateCommand(request);
    assert.equal(
      generated.stdout,
      ` --conf ${request.confFile} --data-dir /test/data --log-dir /test/log --run-dir /test/run\n`,
    );
  });

  it("print every error on standard error and fail", (t) => {
    const request = requestFor(t, { "vernemq.conf": "retry_interval = x\nfoo_bar = 1" });
    for (const output of [effectiveCommand(request), generateCommand(request)]) {
      assert.equal(output.exitCode, 1);
      assert.equal(output.stdout, "");
      const lines = output.stderr.trimEnd().split("\n");
      assert.equal(lines.length, 3);
      for (const line of lines) assert.match(line, /^error: /);
      assert.equal(lines[2], "error: the configuration has 2 errors");
    }
  });

  it("describe an option", (t) => {
    const request = requestFor(t, { "vernemq.conf": "retry_interval = 7\nlistener.tcp.x = 127.0.0.1:1" });
    const { stdout, exitCode } = describeCommand(request, "retry_interval");
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Documentation for retry_interval\n/);
    assert.match(stdout, /Default Value : 20\n {3}Set Value {5}: 7\n/);
    const listener = describeCommand(request, "listener.tcp.y");
    assert.match(listener.stdout, /No default set\n {3}Value not set in /);
    assert.match(
      describeCommand(request, "plugins.$name.path").stdout,
      /^Documentation for plugins.name.path/,
    );
    assert.equal(describeCommand(request, undefined).exitCode, 1);
    assert.match(describeCommand(request, "retry_intervall").stderr, /did you mean retry_interval\?/);
    assert.equal(configUsage().exitCode, 1);
  });
});

describe("the generated files", () => {
  it("are fresh", () => {
    assert.equal(readFileSync(join(root, "etc", "vernemq.conf"), "utf8"), shippedConfFile());
    assert.equal(readFileSync(join(root, "docs", "configuration.md"), "utf8"), referencePage());
  });

  it("load without error or warning, and listen for MQTT and HTTP on this machine", (t) => {
    const result = loadConfiguration(requestFor(t, { "vernemq.conf": shippedConfFile() }));
    assert.ok(result.ok);
    assert.deepEqual(result.warnings, []);
    const [listener, web, ...others] = resolveListeners(result.configuration);
    assert.deepEqual(others, []);
    assert.deepEqual(web?.address, { kind: "ip", host: "127.0.0.1", family: 4, port: 8888 });
    assert.deepEqual(listener?.address, { kind: "ip", host: "127.0.0.1", family: 4, port: 1883 });
    assert.deepEqual(listener?.allowedProtocolVersions, new Set([3, 4, 5]));
    assert.equal(result.configuration.get("max_client_id_size"), 100);
    assert.equal(result.configuration.get("allow_anonymous"), false);
  });

  it("have commented lines that load as well", (t) => {
    const uncommented = shippedConfFile().replace(/^# (?=\S+ = )/gm, "");
    const result = loadConfiguration(requestFor(t, { "vernemq.conf": uncommented }));
    assert.deepEqual(result.ok ? [] : result.errors, []);
    assert.ok(uncommented !== shippedConfFile());
  });

  it("document every option", () => {
    const page = referencePage();
    for (const key of allOptions.keys()) {
      const name = /^listener\.(?:\w+\.(?:\$name\.)?)?(\w+)$/.exec(key)?.[1] ?? "";
      const shown = Object.hasOwn(listenerAttributes, name) ? name : key;
      assert.ok(page.includes(`| \`${shown}\` |`), key);
    }
  });
});
