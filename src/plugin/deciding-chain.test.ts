import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../log/logger.ts";
import type { ChainResult } from "./answer.ts";
import { DecidingChain } from "./deciding-chain.ts";
import type { AuthOnRegister } from "./hook.ts";
import type { Implementation } from "./implementation.ts";
import { MODIFIER_GUARDS } from "./modifier-check.ts";
import type { RegisterModifiers } from "./modifiers.ts";
import { ManualTimers, MemoryLogger, testRuntime } from "./plugin-test-support.ts";
import { createPluginRuntime } from "./runtime.ts";

const REQUEST: AuthOnRegister = {
  peer: { address: "127.0.0.1", port: 4711 },
  subscriberId: { mountpoint: "", clientId: "c" },
  username: "alice",
  password: Buffer.from("hunter2"),
  cleanSession: true,
};

function chainOf(...answers: (() => unknown)[]): {
  chain: DecidingChain<AuthOnRegister, RegisterModifiers>;
  timers: ManualTimers;
  logger: MemoryLogger;
  asked: number[];
} {
  const timers = new ManualTimers();
  const logger = new MemoryLogger();
  const asked: number[] = [];
  const chain = new DecidingChain<AuthOnRegister, RegisterModifiers>(
    "auth_on_register",
    MODIFIER_GUARDS.auth_on_register,
    testRuntime(timers, logger),
  );
  chain.replace(
    answers.map(
      (answer, index): Implementation<AuthOnRegister> => ({
        plugin: `plugin${index}`,
        call: () => {
          asked.push(index);
          return answer();
        },
      }),
    ),
  );
  return { chain, timers, logger, asked };
}

function synchronous<M>(result: ChainResult<M> | Promise<ChainResult<M>>): ChainResult<M> {
  assert.ok(!(result instanceof Promise), "the result came as a promise");
  return result;
}

const next = () => ({ kind: "next" });
const ok = () => ({ kind: "ok" });

test("a chain without implementations says so, one where all say next is exhausted", () => {
  const empty = chainOf().chain;
  assert.equal(empty.isEmpty, true);
  assert.deepEqual(synchronous(empty.run(REQUEST)), { kind: "error", reason: "no_matching_hook_found" });
  const { chain, asked } = chainOf(next, next);
  assert.equal(chain.isEmpty, false);
  assert.deepEqual(synchronous(chain.run(REQUEST)), { kind: "error", reason: "plugin_chain_exhausted" });
  assert.deepEqual(asked, [0, 1]);
});

test("the first ok or error ends the chain", () => {
  const allowed = chainOf(next, () => ({ kind: "ok", modifiers: { username: "bob" } }), ok);
  assert.deepEqual(synchronous(allowed.chain.run(REQUEST)), { kind: "ok", modifiers: { username: "bob" } });
  assert.deepEqual(allowed.asked, [0, 1]);
  const refused = chainOf(
    () => ({ kind: "error", reason: "banned", reasonCode: 0x8a, reasonString: "no" }),
    ok,
  );
  assert.deepEqual(synchronous(refused.chain.run(REQUEST)), {
    kind: "error",
    reason: "banned",
    reasonCode: 0x8a,
    reasonString: "no",
  });
  assert.deepEqual(refused.asked, [0]);
});

test("anything that is no proper answer refuses and ends the chain", () => {
  const wrong: (() => unknown)[] = [
    () => undefined,
    () => true,
    () => "ok",
    () => null,
    () => ({ kind: "yes" }),
    () => ({ kind: "error" }),
    () => ({ kind: "error", reason: "x", reasonCode: 0 }),
    () => ({ kind: "error", reason: "x", unknown: 1 }),
    () => ({ kind: "ok", modifiers: { username: 5 } }),
    () => ({ kind: "ok", modifiers: { userName: "x" } }),
    () => ({ kind: "ok", modifiers: { subscriberId: { clientId: "only" } } }),
    () => ({ kind: "ok", modifiers: [] }),
    () => ({
      get kind(): string {
        throw new Error("trap");
      },
    }),
    () => {
      throw new Error("broken");
    },
  ];
  for (const answer of wrong) {
    const { chain, asked, logger } = chainOf(answer, ok);
    assert.deepEqual(
      synchronous(chain.run(REQUEST)),
      { kind: "error", reason: "plugin_failed" },
      String(answer),
    );
    assert.deepEqual(asked, [0]);
    assert.equal(logger.lines.length, 1);
    assert.match(logger.lines[0] ?? "", /^error plugin plugin0 failed in hook auth_on_register: /);
  }
});

test("asynchronous answers count like synchronous ones", async () => {
  const { chain, timers } = chainOf(
    async () => ({ kind: "next" }),
    next,
    async () => ({ kind: "ok" }),
  );
  const pending = chain.run(REQUEST);
  assert.ok(pending instanceof Promise);
  assert.deepEqual(await pending, { kind: "ok", modifiers: null });
  assert.equal(timers.waiting, 0, "deadlines are cancelled");
});

test("a rejection refuses and its text comes to the log without the password", async () => {
  const { chain, logger } = chainOf(async () => {
    throw new Error("no row for alice/hunter2");
  });
  assert.deepEqual(await chain.run(REQUEST), { kind: "error", reason: "plugin_failed" });
  assert.match(logger.lines.join(), /no row for alice\/\*\*\*/);
  assert.doesNotMatch(logger.lines.join(), /hunter2/);
});

test("a stuck implementation refuses at the deadline and its late answer is ignored", async () => {
  const late = Promise.withResolvers<unknown>();
  const { chain, timers, asked } = chainOf(() => late.promise, ok);
  const pending = chain.run(REQUEST);
  timers.advance(4999);
  assert.equal(timers.waiting, 1);
  timers.advance(1);
  assert.deepEqual(await pending, { kind: "error", reason: "plugin_timeout" });
  late.reject(new Error("too late"));
  assert.deepEqual(asked, [0]);
});

test("a run that has begun finishes with the implementations it began with", async () => {
  const first = Promise.withResolvers<unknown>();
  const { chain } = chainOf(() => first.promise, ok);
  const pending = chain.run(REQUEST);
  chain.replace([]);
  first.resolve({ kind: "next" });
  assert.deepEqual(await pending, { kind: "ok", modifiers: null });
});

test("without other settings the deadline is five seconds of real time", () => {
  const runtime = createPluginRuntime(silentLogger);
  assert.equal(runtime.deadline, 5000);
  const cancel = runtime.timers.after(60_000, () => assert.fail("cancelled"));
  cancel();
});
