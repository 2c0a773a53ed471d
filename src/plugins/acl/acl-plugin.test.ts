import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { STEPS_PER_TURN } from "../../clock/long-works.ts";
import type { SessionIdentity } from "../../plugin/hook.ts";
import { PluginManager } from "../../plugin/manager.ts";
import { ManualTimers, MemoryLogger, publicationOf, testRuntime } from "../../plugin/plugin-test-support.ts";
import { PublishPermission } from "../../plugin/publish-permission.ts";
import { PublicationRequest } from "../../plugin/publish-request.ts";
import { Topic } from "../../plugin/topics.ts";
import { AclPlugin } from "./acl-plugin.ts";

const ALICE: SessionIdentity = { username: "alice", subscriberId: { mountpoint: "", clientId: "c" } };

function topic(text: string): Topic {
  return new Topic(text, Buffer.from(text), text.split("/").length);
}

async function setUp(t: TestContext, content: string | null) {
  const folder = await mkdtemp(join(tmpdir(), "acl-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "vmq.acl");
  if (content !== null) await writeFile(file, content);
  const logger = new MemoryLogger();
  const plugin = new AclPlugin({ file, reloadInterval: 10 });
  const manager = new PluginManager([plugin], testRuntime(new ManualTimers(), logger));
  await manager.start([{ name: "vmq_acl", enabled: true }]);
  t.after(() => manager.stop());
  const publish = (name: string) =>
    manager.chains.auth_on_publish.run(new PublicationRequest(ALICE, publicationOf(name, "x")));
  return { file, plugin, manager, logger, publish, chains: manager.chains };
}

const ok = { kind: "ok", modifiers: null };
const exhausted = { kind: "error", reason: "plugin_chain_exhausted" };

test("publishing is decided by the topic alone and remembered until the rules change", async (t) => {
  const { file, plugin, chains, publish } = await setUp(t, "topic write a/#");
  assert.equal(chains.auth_on_publish.byTopic && chains.auth_on_publish_m5.byTopic, true);
  const permission = new PublishPermission(ALICE, chains.auth_on_publish);
  const allowed = topic("a/b");
  const refused = topic("b");
  assert.equal(permission.allows(allowed), true);
  assert.equal(permission.allows(refused), false);
  assert.deepEqual(publish("a/b"), ok);
  assert.deepEqual(publish("b"), exhausted);
  await writeFile(file, "topic write b\n");
  await plugin.reload();
  assert.equal(permission.allows(allowed), false);
  assert.equal(permission.allows(refused), true);
});

test("each filter of a SUBSCRIBE is judged on its own", async (t) => {
  const { chains } = await setUp(t, "topic read a/#\ntopic read b");
  const v3 = (...topics: string[]) =>
    chains.auth_on_subscribe.run({ ...ALICE, topics: topics.map((text) => ({ topic: text, qos: 1 })) });
  assert.deepEqual(v3("a/+", "b"), ok);
  assert.deepEqual(v3("a/+", "#", "b"), {
    kind: "ok",
    modifiers: {
      topics: [
        { topic: "a/+", qos: 1 },
        { topic: "#", qos: 0x80 },
        { topic: "b", qos: 1 },
      ],
    },
  });
  assert.deepEqual(v3("#", "c"), exhausted);
  const options = { noLocal: true, retainAsPublished: false, retainHandling: 2 };
  assert.deepEqual(
    chains.auth_on_subscribe_m5.run({
      ...ALICE,
      properties: {},
      topics: [
        { topic: "c", qos: 2, ...options },
        { topic: "b", qos: 2, ...options },
      ],
    }),
    {
      kind: "ok",
      modifiers: {
        topics: [
          { topic: "c", qos: 0x87, ...options },
          { topic: "b", qos: 2, ...options },
        ],
      },
    },
  );
});

test("a bad or missing file leaves the rules as they are and says where the problem is", async (t) => {
  const { file, plugin, logger, publish } = await setUp(t, "topic a");
  await writeFile(file, "topic b\nnonsense\n");
  await plugin.reload();
  assert.deepEqual(publish("a"), ok);
  assert.deepEqual(publish("b"), exhausted);
  assert.ok(logger.lines.some((line) => line.startsWith(`error ${file}:2: `)));
  await rm(file);
  await plugin.reload();
  await plugin.reload();
  assert.deepEqual(publish("a"), ok);
  assert.equal(logger.lines.filter((line) => line.includes("can't read the ACL file")).length, 1);
  await writeFile(file, "");
  await plugin.reload();
  assert.deepEqual(publish("a"), exhausted);
});

test("without a file nothing is allowed; with a bad one at the start its good lines count", async (t) => {
  const missing = await setUp(t, null);
  assert.deepEqual(missing.publish("a"), exhausted);
  assert.ok(missing.logger.lines.some((line) => line.includes("nothing is allowed")));
  const bad = await setUp(t, "topic a\ntopic b/#/c\n");
  assert.deepEqual(bad.publish("a"), ok);
  assert.deepEqual(bad.publish("b/x/c"), exhausted);
});

test("the setting of the file can be changed at run time", async (t) => {
  const { file, plugin, publish } = await setUp(t, "topic a");
  await writeFile(`${file}.2`, "topic b");
  await plugin.hooks.change_config?.({ changed: new Map([["vmq_acl.acl_file", `${file}.2`]]) });
  assert.deepEqual(publish("a"), exhausted);
  assert.deepEqual(publish("b"), ok);
});

test("a long file is read a few lines in each turn; the old rules count until it is read to its end", async (t) => {
  const { file, plugin, publish } = await setUp(t, "topic old");
  const lines = 10 * STEPS_PER_TURN;
  await writeFile(file, Array.from({ length: lines }, (_, i) => `topic new/${i}\n`).join(""));
  let turns = 0;
  let reading = true;
  const reloaded = plugin.reload().then(() => {
    reading = false;
  });
  while (reading) {
    assert.deepEqual([publish("old"), publish("new/0")], [ok, exhausted]);
    await nextTurn();
    turns++;
  }
  await reloaded;
  assert.ok(turns >= lines / STEPS_PER_TURN, `read in ${turns} turns`);
  assert.deepEqual([publish("old"), publish(`new/${lines - 1}`)], [exhausted, ok]);
});
