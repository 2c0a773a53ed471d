import assert from "node:assert/strict";
import { test } from "node:test";
import { createChains, createEventChains } from "./chains.ts";
import type { SubscribeRequestM5, TopicRequestM5 } from "./hook.ts";
import { testRuntime } from "./plugin-test-support.ts";

function wanted(topic: string): TopicRequestM5 {
  return { topic, qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 };
}

function request(...topics: string[]): SubscribeRequestM5 {
  return {
    username: null,
    subscriberId: { mountpoint: "", clientId: "c" },
    properties: {},
    topics: topics.map(wanted),
  };
}

function chainOf(...answers: ((request: SubscribeRequestM5) => unknown)[]) {
  const runtime = testRuntime();
  const chain = createChains(createEventChains(runtime), runtime).auth_on_subscribe_m5;
  const asked: string[][] = [];
  chain.replace(
    answers.map((answer, index) => ({
      plugin: `plugin${index}`,
      call: (given) => {
        asked.push(given.topics.map(({ topic }) => topic));
        return answer(given);
      },
    })),
  );
  return { chain, asked };
}

/** Allows the filters of a list and leaves the others open. */
function allows(...list: string[]): (given: SubscribeRequestM5) => unknown {
  return ({ topics }) => ({
    kind: "ok",
    modifiers: { topics: topics.map((topic) => (list.includes(topic.topic) ? topic : null)) },
  });
}

const next = () => ({ kind: "next" });

test("without implementations, exhausted, and allowed as asked", () => {
  assert.deepEqual(chainOf().chain.run(request("a")), { kind: "error", reason: "no_matching_hook_found" });
  assert.deepEqual(chainOf(next, next).chain.run(request("a")), {
    kind: "error",
    reason: "plugin_chain_exhausted",
  });
  assert.deepEqual(chainOf(next, () => ({ kind: "ok" })).chain.run(request("a", "b")), {
    kind: "ok",
    modifiers: null,
  });
});

test("later implementations are asked about what is still open, and the answer is in packet order", () => {
  const { chain, asked } = chainOf(allows("b"), next, allows("a"), () => assert.fail("asked too late"));
  assert.deepEqual(chain.run(request("a", "b")), {
    kind: "ok",
    modifiers: { topics: [wanted("a"), wanted("b")] },
  });
  assert.deepEqual(asked, [["a", "b"], ["a"], ["a"]]);
});

test("what stays open is refused, by the error that ended the chain if there was one", () => {
  assert.deepEqual(chainOf(allows("b")).chain.run(request("a", "b")), {
    kind: "ok",
    modifiers: { topics: [{ ...wanted("a"), qos: 0x87 }, wanted("b")] },
  });
  const quota = () => ({ kind: "error", reason: "too_many", reasonCode: 0x97 });
  assert.deepEqual(chainOf(allows("b"), quota).chain.run(request("a", "b")), {
    kind: "ok",
    modifiers: { topics: [{ ...wanted("a"), qos: 0x97 }, wanted("b")] },
  });
  assert.deepEqual(chainOf(quota).chain.run(request("a", "b")), quota());
});

test("asynchronous implementations, refusals for single filters and a list of the wrong length", async () => {
  const late = async (given: SubscribeRequestM5) => ({
    kind: "ok",
    modifiers: { topics: given.topics.map((topic) => ({ topic: topic.topic, qos: 0x8f })) },
  });
  assert.deepEqual(await chainOf(allows("b"), late).chain.run(request("a", "b")), {
    kind: "ok",
    modifiers: { topics: [{ topic: "a", qos: 0x8f }, wanted("b")] },
  });
  const short = () => ({ kind: "ok", modifiers: { topics: [wanted("a")] } });
  assert.deepEqual(chainOf(short).chain.run(request("a", "b")), { kind: "error", reason: "plugin_failed" });
});
