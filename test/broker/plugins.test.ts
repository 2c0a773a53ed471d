/** Which plugins are asked: lists of listeners, plugins that cannot start, and those switched at run time. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

/** A plugin file that lets in one user, and lets publish and subscribe below a topic of its name. */
function simplePlugin(directory: string, name: string, more = ""): void {
  writeFileSync(
    join(directory, `${name}.mjs`),
    `const NAME = ${JSON.stringify(name)};
const register = ({ username }) => ({ kind: username === NAME ? "ok" : "next" });
const publish = ({ topic }) => ({ kind: topic.startsWith(NAME) ? "ok" : "next" });
const subscribe = ({ topics }) => ({
  kind: "ok",
  modifiers: { topics: topics.map(({ topic, qos }) => (topic.startsWith(NAME) ? { topic, qos } : null)) },
});
export const hooks = {
  auth_on_register: register, auth_on_register_m5: register,
  auth_on_publish: publish, auth_on_publish_m5: publish,
  auth_on_subscribe: subscribe, auth_on_subscribe_m5: subscribe,
};
${more}`,
  );
}

describe("plugins of listeners and at run time", { skip: oursOnly }, async () => {
  const directory = temporaryDirectory();
  const [one, two] = [await freePort(), await freePort()];
  for (const name of ["first", "second", "third"]) simplePlugin(directory, name);
  simplePlugin(directory, "broken", `export function start() { throw new Error("out of order"); }`);
  const suite = new BrokerUnderTest({
    configuration: {
      allow_anonymous: "off",
      "plugins.vmq_acl": "off",
      "plugins.first": "on",
      "plugins.first.path": directory,
      "plugins.second": "on",
      "plugins.second.path": directory,
      "plugins.broken": "on",
      "plugins.broken.path": directory,
      "listener.tcp.one": `127.0.0.1:${one}`,
      "listener.tcp.one.auth_plugins": "[first]",
      "listener.tcp.two": `127.0.0.1:${two}`,
      "listener.tcp.two.authz_plugins": "[second]",
    },
  });
  after(() => removeDirectory(directory));
  const on = async (port: number, username: string): Promise<RawClient> =>
    suite.track(await RawClient.attempt(port, { version: 5, username, clientId: suite.name("c") }));

  test("auth_plugins are asked about CONNECTs of their listener, authz_plugins about the rest", async () => {
    for (const [port, username, code] of [
      [suite.port, "first", 0],
      [suite.port, "second", 0],
      [one, "first", 0],
      [one, "second", 0x86],
      [two, "first", 0],
      [two, "second", 0],
    ] as const) {
      assert.equal((await on(port, username)).connack?.code, code, `${username} on ${port}`);
    }
    for (const [port, codes] of [
      [suite.port, [1, 1, 0x87]],
      [one, [1, 1, 0x87]],
      [two, [0x87, 1, 0x87]],
    ] as const) {
      const client = await on(port, "first");
      assert.deepEqual(await client.subscribe(["first/a", "second/a", "third/a"], 1), codes);
      assert.equal((await client.publish("first/x", "", { qos: 1 }))?.code, port === two ? 0x87 : 0x10);
      assert.equal((await client.publish("second/x", "", { qos: 1 }))?.code, 0x10);
    }
  });

  test("a plugin that cannot start allows nothing, and the log says why", async () => {
    assert.equal((await on(suite.port, "broken")).connack?.code, 0x86);
    await suite.broker.logged(/broken.*out of order/);
    const shown = await suite.broker.admin(["plugin", "show"]);
    assert.doesNotMatch(shown.stdout, /broken/);
    const refused = await suite.broker.admin(["plugin", "enable", "--name=broken", `--path=${directory}`]);
    assert.match(refused.stdout + refused.stderr, /Can't enable plugin: broken due to/);
  });

  test("plugins enabled and disabled at run time count at once, also for clients that are there", async () => {
    const client = await on(suite.port, "first");
    const publish = async (topic: string): Promise<number | undefined> =>
      (await client.publish(topic, "", { qos: 1 }))?.code;
    assert.equal(await publish("third/x"), 0x87);
    assert.equal((await on(suite.port, "third")).connack?.code, 0x86);
    const enabled = await suite.broker.admin(["plugin", "enable", "--name=third", `--path=${directory}`]);
    assert.match(enabled.stdout, /Done/);
    assert.equal(await publish("third/x"), 0x10);
    assert.deepEqual(await client.subscribe(["third/a"], 1), [1]);
    assert.equal((await on(suite.port, "third")).connack?.code, 0);
    // Listeners with lists of their own are not changed by it.
    assert.equal((await on(one, "third")).connack?.code, 0x86);
    for (const name of ["first", "third"]) {
      const disabled = await suite.broker.admin(["plugin", "disable", `--name=${name}`]);
      assert.match(disabled.stdout, /Done/);
    }
    assert.equal(await publish("third/x"), 0x87);
    assert.equal(await publish("first/x"), 0x87);
    assert.equal(await publish("second/x"), 0x10);
    assert.deepEqual(await client.subscribe(["first/a", "second/a"], 1), [0x87, 1]);
    assert.equal((await on(one, "first")).connack?.code, 0x86);
    const again = await suite.broker.admin(["plugin", "disable", "--name=third"]);
    assert.match(again.stdout + again.stderr, /Can't disable plugin: third due to/);
  });
});
