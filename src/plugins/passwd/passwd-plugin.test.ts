import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualTimers, MemoryLogger } from "../../plugin/plugin-test-support.ts";
import { PasswdPlugin } from "./passwd-plugin.ts";
import { createPasswordLine } from "./password-file.ts";

async function setUp(t: TestContext, content: string | null) {
  const folder = await mkdtemp(join(tmpdir(), "passwd-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "vmq.passwd");
  if (content !== null) await writeFile(file, content);
  const timers = new ManualTimers();
  const logger = new MemoryLogger();
  const plugin = new PasswdPlugin({ file, reloadInterval: 10 });
  await plugin.start({ logger, timers, settings: {}, invalidate: () => {} });
  t.after(() => plugin.stop());
  const login = (username: string | null, password: string | null) =>
    plugin.hooks.auth_on_register?.({
      peer: { address: "::1", port: 1 },
      subscriberId: { mountpoint: "", clientId: "c" },
      username,
      password: password === null ? null : Buffer.from(password),
      cleanSession: true,
    });
  return { file, plugin, logger, timers, login };
}

const ok = { kind: "ok" };
const next = { kind: "next" };
const invalid = { kind: "error", reason: "invalid_credentials" };

test("right, wrong, unknown and missing credentials", async (t) => {
  const { login, plugin } = await setUp(t, createPasswordLine("alice", "secret"));
  assert.deepEqual(login("alice", "secret"), ok);
  assert.deepEqual(login("alice", "wrong"), invalid);
  assert.deepEqual(login("mallory", "secret"), next);
  assert.deepEqual(login(null, null), next);
  assert.deepEqual(login("alice", null), next);
  assert.equal(plugin.hooks.auth_on_register_m5 !== undefined, true);
});

test("a missing file lets nobody in and is no error; it is read when it appears", async (t) => {
  const { file, login, plugin, logger } = await setUp(t, null);
  assert.deepEqual(login("alice", "secret"), next);
  assert.equal(logger.lines.filter((line) => line.startsWith("error")).length, 0);
  await writeFile(file, createPasswordLine("alice", "secret"));
  await plugin.reload();
  assert.deepEqual(login("alice", "secret"), ok);
});

test("a bad file is refused as a whole: nobody at the start, the old users later", async (t) => {
  const good = createPasswordLine("alice", "secret");
  const { file, login, plugin, logger } = await setUp(t, `${good}\nbob:clear-text\n`);
  assert.deepEqual(login("alice", "secret"), next);
  assert.match(logger.lines.join("\n"), new RegExp(`error ${file}:2: `));
  await writeFile(file, good);
  await plugin.reload();
  assert.deepEqual(login("alice", "secret"), ok);
  await writeFile(file, `${createPasswordLine("bob", "x")}\nnonsense\n`);
  await plugin.reload();
  assert.deepEqual(login("alice", "secret"), ok);
  assert.deepEqual(login("bob", "x"), next);
  assert.doesNotMatch(logger.lines.join("\n"), /clear-text|nonsense/);
});

test("an emptied file lets nobody in any more; a removed one changes nothing", async (t) => {
  const { file, login, plugin } = await setUp(t, createPasswordLine("alice", "secret"));
  await rm(file);
  await plugin.reload();
  assert.deepEqual(login("alice", "secret"), ok);
  await writeFile(file, "");
  await plugin.reload();
  assert.deepEqual(login("alice", "secret"), next);
});

test("changed settings take another file", async (t) => {
  const { file, login, plugin } = await setUp(t, createPasswordLine("alice", "secret"));
  await writeFile(`${file}.2`, createPasswordLine("bob", "x"));
  await plugin.hooks.change_config?.({ changed: new Map([["vmq_passwd.password_file", `${file}.2`]]) });
  assert.deepEqual(login("bob", "x"), ok);
  assert.deepEqual(login("alice", "secret"), next);
});

test("a stopped plugin looks at its file no more", async (t) => {
  const { plugin, timers } = await setUp(t, "");
  assert.equal(timers.waiting, 1);
  plugin.stop();
  assert.equal(timers.waiting, 0);
});
