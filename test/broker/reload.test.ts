/** `vernemq reload`: options, users and rules change while clients stay connected. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, checkout, startBroker } from "../support/broker.ts";
import { run } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";

function reload(broker: Broker): ReturnType<typeof run> {
  const argv = [join(checkout, "src", "main.ts"), "vernemq", "reload"];
  return run(process.execPath, argv, { env: { VERNEMQ_RUN_DIR: broker.directories.run } });
}

test("options and rules change while a client stays connected", { skip: oursOnly }, async () => {
  await using broker = await startBroker({ configuration: { "vmq_acl.acl_reload_interval": 0 } });
  const { conf, root } = broker.directories;
  const client = await RawClient.connect(broker.port, { version: 5 });
  await client.subscribe("allowed", 0);
  assert.deepEqual(await reload(broker), { stdout: "", stderr: "", code: 0 });

  const before = readFileSync(conf, "utf8");
  appendFileSync(conf, "max_client_id_size = 5\nlistener.max_connections = 7\n");
  writeFileSync(join(root, "vmq.acl"), "topic allowed\n");
  const changed = await reload(broker);
  assert.equal(changed.code, 0, changed.stderr);
  assert.match(changed.stdout, /^changed: max_client_id_size = 5 \(.*vernemq\.conf:\d+, was 100\)\n$/);
  assert.match(changed.stderr, /^a restart is needed for listener\.max_connections = 7 \(.*\)\n$/);
  await assert.rejects(RawClient.connect(broker.port, { clientId: "far too long" }));
  const late = await RawClient.connect(broker.port, { version: 5, clientId: "ok" });
  assert.equal((await late.publish("other", "x", { qos: 1 }))?.code, 0x87);
  await late.publish("allowed", "y", { qos: 1 });
  await client.receive({ payload: "y" });

  // A broken file changes nothing and says why.
  writeFileSync(conf, `${before}max_client_id_size = 10\nno_such_option = 1\n`);
  const refused = await reload(broker);
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, "");
  assert.match(refused.stderr, /vernemq\.conf:\d+: no_such_option: there is no option of this name/);
  await assert.rejects(RawClient.connect(broker.port, { clientId: "123456" }));

  writeFileSync(conf, before);
  writeFileSync(join(root, "vmq.acl"), "topic allowed\ntopic a/#/b\n");
  const rules = await reload(broker);
  assert.equal(rules.code, 1);
  assert.match(rules.stdout, /^changed: max_client_id_size = 100 /);
  assert.match(rules.stderr, /^error: .*vmq\.acl:2: /);
  await late.publish("allowed", "z", { qos: 1 });
  await client.receive({ payload: "z" });
  client.destroy();
  late.destroy();
});

test("there must be a broker", { skip: oursOnly }, async () => {
  await using broker = await startBroker();
  await broker.stop();
  const { code, stderr } = await reload(broker);
  assert.equal(code, 1);
  assert.match(stderr, /not responding to pings/);
});
