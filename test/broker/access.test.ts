/** Password and access control files as an administrator uses them, on every version of the protocol. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { checkout } from "../support/broker.ts";
import { removeDirectory, run, temporaryDirectory } from "../support/processes.ts";
import { BrokerUnderTest, oursOnly } from "../support/suite.ts";

const directory = temporaryDirectory();
const passwords = join(directory, "vmq.passwd");

async function setPassword(user: string, password: string, create = false): Promise<void> {
  const argv = [join(checkout, "src", "main.ts"), "vmq-passwd", ...(create ? ["-c"] : []), passwords, user];
  const made = await run(process.execPath, argv, { input: `${password}\n${password}\n` });
  assert.equal(made.code, 0, made.stderr);
}

const rules = `topic read public/#
user alice
topic alice/#
user bob
topic write inbox
topic read bob/+/x
pattern readers/%u/%c/#
pattern mount/%m/#
`;

describe("access", { skip: oursOnly }, () => {
  before(async () => {
    await setPassword("alice", "wonderland", true);
    await setPassword("bob", "builder");
  });
  const suite = new BrokerUnderTest({
    acl: rules,
    configuration: {
      allow_anonymous: "off",
      "plugins.vmq_passwd": "on",
      "vmq_passwd.password_file": passwords,
      "vmq_passwd.password_reload_interval": 1,
      "vmq_acl.acl_reload_interval": 1,
    },
  });
  after(() => removeDirectory(directory));
  const alice = { username: "alice", password: "wonderland" };
  const bob = { username: "bob", password: "builder" };

  for (const [version, wrong, unknown] of [
    [3, 4, 5],
    [4, 4, 5],
    [5, 0x86, 0x86],
  ] as const) {
    test(`version ${version}: right, wrong and no credentials`, async () => {
      assert.equal((await suite.attempt({ version, ...alice })).connack?.code, 0);
      const bad = await suite.attempt({ version, username: "alice", password: "x" });
      assert.equal(bad.connack?.code, wrong);
      await bad.expectClosed();
      assert.equal(
        (await suite.attempt({ version, username: "nobody", password: "x" })).connack?.code,
        unknown,
      );
      assert.equal((await suite.attempt({ version })).connack?.code, unknown);
    });
  }

  test("each filter is judged on its own by what it could receive [MQTT3-3.9.3-2]", async () => {
    for (const [version, no] of [
      [3, 0x80],
      [4, 0x80],
      [5, 0x87],
    ] as const) {
      const client = await suite.connect({ version, ...alice });
      assert.deepEqual(
        await client.subscribe(
          ["alice/#", "bob/a/x", "public/+", "#", "alice/+/y", "$share/g/alice/#", "$share/g/bob/#"],
          1,
        ),
        [1, no, 1, no, 1, 1, no],
      );
    }
  });

  test("patterns take user and client id as whole levels; wildcards in them give nothing", async () => {
    const clientId = suite.name("c");
    const client = await suite.connect({ version: 5, ...bob, clientId });
    assert.deepEqual(
      await client.subscribe(
        [`readers/bob/${clientId}/#`, "readers/bob/other/#", "bob/1/x", "bob/+/x", "bob/#"],
        0,
      ),
      [0, 0x87, 0, 0, 0x87],
    );
    const sly = await suite.attempt({ version: 5, ...bob, clientId: "#" });
    if (sly.connack?.code === 0) {
      assert.deepEqual(await sly.subscribe(["readers/bob/#", "readers/bob/other/x"], 0), [0x87, 0x87]);
    }
  });

  test("a PUBLISH without the right: dropped in 3.1, closed in 3.1.1, 0x87 in 5 [MQTT3-3.3.5-2]", async () => {
    const watch = await suite.connect({ version: 5, ...alice });
    await watch.subscribe("alice/#", 1);
    const v3 = await suite.connect({ version: 3, ...bob });
    await v3.publish("alice/x", "no", { qos: 1 });
    await v3.publish("inbox", "yes", { qos: 1 });
    const v4 = await suite.connect({ version: 4, ...bob });
    v4.send({ cmd: "publish", topic: "alice/x", qos: 1, id: 1 });
    await v4.expectClosed();
    const v5 = await suite.connect({ version: 5, ...bob });
    assert.equal((await v5.publish("alice/x", "no", { qos: 1 }))?.code, 0x87);
    assert.equal((await v5.publish("alice/x", "no", { qos: 2 }))?.code, 0x87);
    await v5.publish("alice/x", "no", { qos: 0 });
    await v5.expectNothing();
    await watch.expectNothing();
  });

  test("a will without the right refuses the CONNECT", async () => {
    const will = { topic: "alice/x", payload: "gone" };
    assert.equal((await suite.attempt({ version: 4, ...bob, will })).connack?.code, 5);
    assert.equal((await suite.attempt({ version: 5, ...bob, will })).connack?.code, 0x87);
    assert.equal((await suite.attempt({ version: 5, ...alice, will })).connack?.code, 0);
  });

  test("changed files are read again; a broken one leaves the old rules", async () => {
    await setPassword("carol", "late");
    const carol = { version: 5, username: "carol", password: "late" } as const;
    const end = performance.now() + 6_000;
    let code: number | undefined;
    while (code !== 0 && performance.now() < end) {
      await delay(100);
      code = (await suite.attempt(carol)).connack?.code;
    }
    assert.equal(code, 0);
    const acl = join(suite.broker.directories.root, "vmq.acl");
    writeFileSync(acl, "topic read public/#\nnonsense here\n");
    while (!/vmq\.acl.*2|line 2|:2/.test(suite.broker.log()) && performance.now() < end) await delay(100);
    const client = await suite.connect({ version: 5, ...alice });
    assert.deepEqual(await client.subscribe("alice/#", 1), [1]);
    writeFileSync(acl, `${rules}user carol\ntopic carol/#\n`);
    const other = await suite.connect(carol);
    const until = performance.now() + 6_000;
    let granted: number[] = [];
    while (granted[0] !== 1 && performance.now() < until) {
      await delay(100);
      granted = await other.subscribe("carol/#", 1);
    }
    assert.deepEqual(granted, [1]);
  });

  test("no password shows up in the logs", () => {
    assert.doesNotMatch(suite.broker.log(), /wonderland|builder/);
  });
});
