import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AuthOnRegister, Hooks } from "./hook.ts";
import { PluginManager } from "./manager.ts";
import type { Plugin } from "./plugin.ts";
import { ManualTimers, MemoryLogger, testRuntime } from "./plugin-test-support.ts";

const LOGIN: AuthOnRegister = {
  peer: { address: "::1", port: 1 },
  subscriberId: { mountpoint: "", clientId: "c" },
  username: "u",
  password: null,
  cleanSession: true,
};

const asked: string[] = [];

/** A plugin that only notes that it was asked. */
function noting(name: string, more: Partial<Plugin> = {}): Plugin {
  const hooks: Hooks = {
    auth_on_register: () => {
      asked.push(name);
      return { kind: "next" };
    },
    auth_on_publish: () => ({ kind: "ok" }),
  };
  return { name, hooks, ...more };
}

function manage(...bundled: Plugin[]) {
  const logger = new MemoryLogger();
  const timers = new ManualTimers();
  const manager = new PluginManager(bundled, testRuntime(timers, logger));
  const order = (chains = manager.chains) => {
    asked.length = 0;
    assert.ok(!(chains.auth_on_register.run(LOGIN) instanceof Promise));
    return [...asked];
  };
  return { manager, logger, timers, order };
}

function on(name: string, priority?: number) {
  return priority === undefined ? { name, enabled: true } : { name, enabled: true, priority };
}

test("plugins are asked by priority, then by name; those enabled at run time come last", async () => {
  const { manager, order } = manage(...["a", "b", "c", "d", "e"].map((name) => noting(name)));
  await manager.start([on("d"), on("b"), on("e", 2), on("c", 1), { name: "a", enabled: false }]);
  assert.deepEqual(order(), ["c", "e", "b", "d"]);
  await manager.enable("a");
  assert.deepEqual(order(), ["c", "e", "b", "d", "a"]);
  await manager.disable("c");
  await manager.enable("c");
  assert.deepEqual(order(), ["e", "b", "d", "a", "c"]);
});

test("enable and disable say what they cannot do", async () => {
  const { manager } = manage(noting("a"));
  await manager.enable("a");
  await assert.rejects(manager.enable("a"), { reason: "already_enabled" });
  await assert.rejects(manager.enable("nope"), { reason: "plugin_not_found" });
  await assert.rejects(manager.enable("vmq_bridgge"), {
    message: /did you mean vmq_bridge\? an external one/,
  });
  await assert.rejects(manager.disable("nope"), { reason: "plugin_not_found" });
  await manager.disable("a");
  await assert.rejects(manager.disable("a"), { reason: "plugin_not_found" });
  assert.equal(manager.chains.auth_on_register.isEmpty, true);
});

test("a plugin that cannot start, or is not part of this version, leaves one warning and no hook", async () => {
  const broken = noting("broken", {
    start: () => {
      throw new Error("no disk");
    },
  });
  const { manager, logger, order } = manage(broken, noting("fine"));
  await manager.start([on("broken"), on("fine"), on("vmq_webhooks"), on("unknown")]);
  assert.deepEqual(order(), ["fine"]);
  const warnings = logger.lines.filter((line) => line.startsWith("warning"));
  assert.equal(warnings.length, 3);
  assert.match(warnings.join("\n"), /could not start plugin broken due to .*no disk/);
  assert.match(
    warnings.join("\n"),
    /could not start plugin vmq_webhooks due to this version does not contain it/,
  );
});

test("a start that never ends is given up", async () => {
  const started = Promise.withResolvers<void>();
  const stuck = noting("stuck", {
    start: () => {
      started.resolve();
      return new Promise(() => {});
    },
  });
  const { manager, timers } = manage(stuck);
  const enabled = manager.enable("stuck");
  await started.promise;
  timers.advance(30_000);
  await assert.rejects(enabled, { reason: "timeout" });
  assert.deepEqual(manager.list(), []);
});

test("listeners may restrict and order the plugins; the chains stay current", async () => {
  const { manager, order } = manage(noting("a"), noting("b"), noting("c"));
  await manager.start([on("a"), on("b"), on("c")]);
  assert.equal(manager.chainsFor({ type: "mqtt" }), manager.chains);
  const own = manager.chainsFor({ type: "mqtt", authPlugins: ["c", "a"], authzPlugins: [] });
  assert.deepEqual(order(own), ["c", "a"]);
  assert.deepEqual(order(), ["a", "b", "c"]);
  assert.equal(own.auth_on_publish.isEmpty, true);
  assert.equal(own.on_publish, manager.chains.on_publish, "events know no restriction");
  assert.equal(manager.chainsFor({ type: "mqtt", authPlugins: ["c", "a"], authzPlugins: [] }), own);
  const generation = own.auth_on_publish.generation;
  await manager.disable("c");
  assert.deepEqual(order(own), ["a"]);
  assert.notEqual(own.auth_on_publish.generation, generation);
});

test("wrong plugin lists of listeners are named", async () => {
  const { manager } = manage(noting("a"));
  await manager.start([on("a")]);
  assert.throws(() => manager.chainsFor({ type: "mqtt", authPlugins: ["vmq_nope"] }), {
    reason: "unknown_or_disabled_plugin",
    message: "listener mqtt references unknown or disabled plugin vmq_nope in auth_plugins chain",
  });
  assert.throws(() => manager.chainsFor({ type: "mqtts", authzPlugins: ["a", "a"] }), {
    reason: "duplicate_plugin",
    message: "listener mqtts has duplicate plugin in authz_plugins chain: a",
  });
});

test("list shows hooks as the command line prints them", async () => {
  const { manager } = manage(noting("a"));
  await manager.start([on("a")]);
  assert.deepEqual(manager.list(), [
    {
      name: "a",
      type: "application",
      hooks: [
        { hook: "auth_on_register", implementation: "a:auth_on_register/5" },
        { hook: "auth_on_publish", implementation: "a:auth_on_publish/6" },
      ],
    },
  ]);
});

test("changed settings reach bundled plugins also while they are off", async () => {
  const told: string[] = [];
  const listening = (name: string): Plugin => ({
    name,
    hooks: { change_config: ({ changed }) => told.push(`${name} ${[...changed.keys()]}`) },
  });
  const { manager } = manage(listening("off"), listening("on"));
  await manager.start([on("on")]);
  manager.changeConfig(new Map([["x.y", 1]]));
  assert.deepEqual(told.sort(), ["off x.y", "on x.y"]);
});

async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "plugin-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

test("an external plugin is loaded from its folder, started, asked and stopped", async (t) => {
  const folder = await folderOf(t, {
    "mine.mjs": `
      let context;
      export function start(given) { context = given; context.logger.info("mine", "mine begins"); }
      export function stop() { context.logger.info("mine", "mine ends"); }
      export const hooks = {
        async auth_on_register({ username }) { return username === "u" ? { kind: "ok" } : { kind: "next" }; },
      };
    `,
  });
  const { manager, logger } = manage();
  await manager.start([{ name: "mine", enabled: true, path: folder }]);
  assert.deepEqual(await manager.chains.auth_on_register.run(LOGIN), { kind: "ok", modifiers: null });
  assert.equal(manager.list()[0]?.type, "module");
  await manager.stop();
  assert.deepEqual(await manager.chains.auth_on_register.run(LOGIN), {
    kind: "error",
    reason: "no_matching_hook_found",
  });
  assert.ok(logger.lines.includes("info mine begins") && logger.lines.includes("info mine ends"));
});

test("an external plugin may be a package, and a changed file is loaded anew", async (t) => {
  const code = (reason: string) =>
    `export const hooks = { auth_on_register: () => ({ kind: "error", reason: "${reason}" }) };`;
  const folder = await folderOf(t, {
    "package.json": `{ "type": "module", "main": "src/index.js" }`,
    "src/index.js": code("first"),
  });
  const { manager } = manage();
  await manager.enable("mine", folder);
  assert.deepEqual(manager.chains.auth_on_register.run(LOGIN), { kind: "error", reason: "first" });
  assert.equal(manager.list()[0]?.type, "application");
  await manager.disable("mine");
  await writeFile(join(folder, "src/index.js"), code("second"));
  await utimes(join(folder, "src/index.js"), 1, 1);
  await manager.enable("mine", folder);
  assert.deepEqual(manager.chains.auth_on_register.run(LOGIN), { kind: "error", reason: "second" });
});

test("external plugins that cannot be used are refused with the reason", async (t) => {
  const folder = await folderOf(t, {
    "syntax.mjs": "export const hooks = {",
    "nothing.mjs": "export const x = 1;",
    "typo.mjs": "export const hooks = { auth_on_registr() {} };",
    "wrong.mjs": "export const hooks = { on_publish: 5 };",
    "throws.mjs": "throw new Error('at load');",
    "begin.mjs": "export const hooks = {}; export const start = 1;",
  });
  const { manager } = manage();
  const refused: [string, RegExp][] = [
    ["syntax", /syntax\.mjs cannot be loaded: SyntaxError/],
    ["nothing", /must export an object named hooks/],
    ["typo", /unknown name auth_on_registr/],
    ["wrong", /hook on_publish .* is no function/],
    ["throws", /at load/],
    ["begin", /start of plugin begin is no function/],
    ["absent", /looked for .*absent\.js, .*absent\.mjs/],
    ["../typo", /letters, digits/],
  ];
  for (const [name, message] of refused) {
    await assert.rejects(manager.enable(name, folder), (cause) => {
      assert.ok(cause instanceof Error);
      assert.equal(cause.name, "PluginError");
      assert.match(cause.message, message);
      return true;
    });
  }
  assert.deepEqual(manager.list(), []);
});
