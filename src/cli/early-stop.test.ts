import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { rememberedStop, rememberStop } from "./early-stop.ts";
import { processSignals } from "./signals.ts";

it("a signal that comes before anybody listens is not lost on process 1", async () => {
  const before = process.listenerCount("SIGTERM");
  rememberStop(77);
  assert.equal(process.listenerCount("SIGTERM"), before);
  assert.equal(rememberedStop(), undefined);

  rememberStop(1);
  const seen = once(process, "SIGTERM");
  process.kill(process.pid, "SIGTERM");
  await seen;
  const told: string[] = [];
  const release = processSignals.onStop((signal) => told.push(signal));
  assert.deepEqual(told, ["SIGTERM"]);
  release();
  assert.equal(process.listenerCount("SIGTERM"), before);
});
