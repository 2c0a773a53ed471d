import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HOOK_NAMES, type SessionIdentity } from "./hook.ts";
import { PluginManager } from "./manager.ts";
import { ManualTimers, MemoryLogger, publicationOf, testRuntime } from "./plugin-test-support.ts";
import { PublicationRequest } from "./publish-request.ts";

const GUIDE = await readFile(new URL("../../docs/plugins.md", import.meta.url), "utf8");
const IDENTITY: SessionIdentity = { username: "alice", subscriberId: { mountpoint: "", clientId: "c" } };

test("the plugin guide's example works as it says", async (t) => {
  const [, code = ""] = /```js\n(.*?)```/s.exec(GUIDE) ?? [];
  const folder = await mkdtemp(join(tmpdir(), "guide-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "office_hours.mjs"), code);
  const logger = new MemoryLogger();
  const manager = new PluginManager([], testRuntime(new ManualTimers(), logger));
  await manager.enable("office_hours", folder);
  t.after(() => manager.stop());
  const { chains } = manager;

  const login = (username: string, password: string) =>
    chains.auth_on_register.run({
      ...IDENTITY,
      peer: { address: "::1", port: 1 },
      username,
      password: Buffer.from(password),
      cleanSession: true,
    });
  assert.deepEqual(login("alice", "wonderland"), { kind: "ok", modifiers: { maxInflightMessages: 100 } });
  assert.deepEqual(login("alice", "x"), { kind: "error", reason: "invalid_credentials" });
  assert.deepEqual(login("bob", "x"), { kind: "error", reason: "plugin_chain_exhausted" });

  const publish = (topic: string, payload: string) =>
    chains.auth_on_publish.run(new PublicationRequest(IDENTITY, publicationOf(topic, payload)));
  assert.deepEqual(publish("office/a", "x"), { kind: "ok", modifiers: null });
  assert.deepEqual(publish("home", "x".repeat(1001)), {
    kind: "error",
    reason: "too_long",
    reasonCode: 0x97,
  });
  assert.deepEqual(publish("home", "x"), { kind: "error", reason: "plugin_chain_exhausted" });
  chains.on_client_gone.run(IDENTITY);
  assert.ok(logger.lines.includes("info c is gone"));
});

test("the plugin guide describes every hook", () => {
  for (const hook of HOOK_NAMES) assert.ok(GUIDE.includes(`\`${hook}\``), hook);
});
