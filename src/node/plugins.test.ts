import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { load } from "../config/load-test-support.ts";
import { silentLogger } from "../log/logger.ts";
import { pluginDirectory } from "./plugin-directory.ts";
import { createPlugins } from "./plugins.ts";

describe("createPlugins", () => {
  it("starts what the configuration enables, by priority, and shows it", async (context) => {
    const configuration = load(context, "plugins.vmq_passwd.priority = 1\nplugins.vmq_acl = on");
    const plugins = createPlugins(configuration, silentLogger);
    await plugins.start();
    context.after(() => plugins.manager.stop());
    const directory = pluginDirectory({ plugins: plugins.manager });
    const shown = [...directory.plugins()];
    assert.deepEqual(
      shown.map(({ name }) => name),
      ["vmq_passwd", "vmq_acl"],
    );
    assert.deepEqual(shown[0]?.hooks, [
      {
        hook: "change_config",
        module: "vmq_passwd",
        function: "change_config",
        arity: 1,
        internal: true,
      },
      {
        hook: "auth_on_register",
        module: "vmq_passwd",
        function: "auth_on_register",
        arity: 5,
        internal: false,
      },
      {
        hook: "auth_on_register_m5",
        module: "vmq_passwd",
        function: "auth_on_register_m5",
        arity: 6,
        internal: false,
      },
    ]);
    assert.equal(await directory.enable("vmq_acl", undefined), "already_enabled");
    assert.equal(await directory.disable("vmq_acl"), undefined);
    assert.equal(await directory.disable("vmq_acl"), "plugin_not_found");
    assert.equal(await directory.enable("nothing", undefined), "plugin_not_found");
  });

  it("tells plugins what was changed at run time, and only that", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "vernemq-plugins-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const told = Promise.withResolvers<unknown>();
    const file = join(folder, "listener.mjs");
    writeFileSync(
      file,
      'export const hooks = { change_config: (event) => process.emit("test-change-config", event.changed) };',
    );
    process.once("test-change-config", told.resolve);
    const configuration = load(
      context,
      `plugins.vmq_acl = off\nplugins.vmq_passwd = off\nplugins.listener = on\nplugins.listener.path = ${folder}`,
    );
    const plugins = createPlugins(configuration, silentLogger);
    await plugins.start();
    context.after(() => plugins.manager.stop());
    const changes = new Map([
      ["vmq_acl.acl_reload_interval", "7"],
      ["max_online_messages", "5"],
    ]);
    assert.deepEqual(configuration.set(changes), []);
    assert.deepEqual(
      await told.promise,
      new Map([
        ["vmq_acl.acl_reload_interval", 7],
        ["max_online_messages", 5],
      ]),
    );
  });

  it("says what is wrong with a plugin that somebody wrote and that cannot be enabled", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "vernemq-plugins-"));
    context.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "broken.mjs"), "export const hooks = {");
    writeFileSync(join(folder, "odd.mjs"), "export const hooks = { on_nothing() {} };");
    const plugins = createPlugins(load(context, "plugins.vmq_acl = off"), silentLogger);
    context.after(() => plugins.manager.stop());
    const directory = pluginDirectory({ plugins: plugins.manager });
    for (const [name, failure] of [
      ["broken", /^load_failed \(\S+broken\.mjs cannot be loaded: SyntaxError: .+\)$/],
      ["odd", /^bad_plugin \(\S+odd\.mjs has a hook of the unknown name on_nothing\)$/],
      ["none", /^plugin_not_found \(no plugin none at \S+; looked for \S+none\.js, \S+none\.mjs\)$/],
    ] as const) {
      assert.match((await directory.enable(name, folder)) ?? "", failure);
    }
  });

  it("gives a plugin that somebody wrote its settings", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "vernemq-plugins-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const told = Promise.withResolvers<unknown>();
    writeFileSync(
      join(folder, "mine.mjs"),
      'export const hooks = {}; export const start = ({ settings }) => { process.emit("test-settings", settings); };',
    );
    process.once("test-settings", told.resolve);
    const configuration = load(
      context,
      `plugins.vmq_acl = off\nplugins.vmq_passwd = off\nplugins.mine = on\nplugins.mine.path = ${folder}\nmine.somesetting = value`,
    );
    const plugins = createPlugins(configuration, silentLogger);
    await plugins.start();
    context.after(() => plugins.manager.stop());
    assert.deepEqual(await told.promise, { somesetting: "value" });
  });

  it("reads another ACL file when that is set at run time", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "vernemq-plugins-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "other.acl");
    writeFileSync(file, "topic open\n");
    const loaded = Promise.withResolvers<string>();
    const log = {
      ...silentLogger,
      info: (event: string, message: string) => {
        if (event === "acl_loaded") loaded.resolve(message);
      },
    };
    const configuration = load(
      context,
      "plugins.vmq_passwd = off\nvmq_acl.acl_reload_interval = 0\nvmq_acl.acl_file = /nowhere/acl",
    );
    const plugins = createPlugins(configuration, log);
    await plugins.start();
    context.after(() => plugins.manager.stop());
    configuration.set(new Map([["vmq_acl.acl_file", file]]));
    assert.match(await loaded.promise, /other\.acl is loaded/);
  });
});
