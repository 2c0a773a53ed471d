import assert from "node:assert/strict";
import { test } from "node:test";
import { EventChain } from "./event-chain.ts";
import type { PublishRequest } from "./hook.ts";
import { ManualTimers, MemoryLogger, publicationOf, testRuntime } from "./plugin-test-support.ts";
import { PublicationRequest } from "./publish-request.ts";
import { describeFailure } from "./runtime.ts";

test("an exception is described without the secret that its message repeats, or parts of it", () => {
  const secret = "door open, nobody at home, temperature 21.5";
  let quoted = "";
  try {
    JSON.parse(secret);
  } catch (cause) {
    quoted = describeFailure(cause, secret);
  }
  assert.match(quoted, /^SyntaxError: .*"\*\*\*".* is not valid JSON/);
  assert.doesNotMatch(quoted, /open|door|home/);
  assert.match(describeFailure(new Error("no row for pw"), "pw"), /^Error: no row for \*\*\* \(/);
  assert.equal(describeFailure("it was longsecret2, and longsecr", "longsecret2"), "it was ***, and ***");
  assert.equal(describeFailure("nothing of it", "longsecret2"), "nothing of it");
  assert.equal(describeFailure("a".repeat(5000), "longsecret2").length, 300);
});

test("payloads do not come into the log by the exceptions of hooks", async () => {
  const logger = new MemoryLogger();
  const events = new EventChain<PublishRequest>("on_publish", testRuntime(new ManualTimers(), logger));
  const call = ({ payload }: PublishRequest): never => {
    throw new Error(`cannot use ${payload.toString()}`);
  };
  events.replace([
    { plugin: "a", call },
    { plugin: "b", call: async (event) => call(event) },
  ]);
  const identity = { username: null, subscriberId: { mountpoint: "", clientId: "c" } };
  events.run(new PublicationRequest(identity, publicationOf("topic", "payload")));
  await new Promise(setImmediate);
  assert.equal(logger.lines.length, 2);
  for (const line of logger.lines) assert.match(line, /cannot use \*\*\* /);
});
