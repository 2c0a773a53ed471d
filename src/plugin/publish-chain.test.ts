import assert from "node:assert/strict";
import { test } from "node:test";
import { createChains, createEventChains } from "./chains.ts";
import type { SessionIdentity } from "./hook.ts";
import { ManualTimers, MemoryLogger, publicationOf, testRuntime } from "./plugin-test-support.ts";
import { PublishPermission } from "./publish-permission.ts";
import { PublicationRequest, PublicationRequestM5 } from "./publish-request.ts";
import { Topic } from "./topics.ts";

const IDENTITY: SessionIdentity = { username: "u", subscriberId: { mountpoint: "", clientId: "c" } };

function topic(text: string): Topic {
  const made = new Topic(text, Buffer.from(text), 1);
  made.lasting = true;
  return made;
}

function chain(logger = new MemoryLogger()) {
  const runtime = testRuntime(new ManualTimers(), logger);
  return createChains(createEventChains(runtime), runtime).auth_on_publish;
}

const next = () => ({ kind: "next" });

test("a chain decides by topic only while every implementation can", () => {
  const publish = chain();
  assert.equal(publish.byTopic, true);
  assert.equal(publish.decide(IDENTITY, topic("a")), false, "nobody allows");
  publish.replace([{ plugin: "quick", call: next, decide: () => true }]);
  assert.equal(publish.byTopic, true);
  publish.replace([
    { plugin: "quick", call: next, decide: () => true },
    { plugin: "slow", call: next },
  ]);
  assert.equal(publish.byTopic, false);
});

test("quick forms are a chain: the first that decides counts, a throwing one refuses", () => {
  const logger = new MemoryLogger();
  const publish = chain(logger);
  const decide = (...answers: (boolean | undefined | Error)[]) => {
    publish.replace(
      answers.map((answer, index) => ({
        plugin: `plugin${index}`,
        call: next,
        decide: () => {
          if (answer instanceof Error) throw answer;
          return answer;
        },
      })),
    );
    return publish.decide(IDENTITY, topic("a"));
  };
  assert.equal(decide(undefined, true), true);
  assert.equal(decide(undefined, false, true), false);
  assert.equal(decide(undefined, undefined), false);
  assert.equal(decide(new Error("broken"), true), false);
  assert.match(logger.lines.join(), /plugin0 failed in hook auth_on_publish: Error: broken/);
});

test("a session's permission asks once per topic until the chain changes", () => {
  const publish = chain();
  let asked = 0;
  publish.replace([
    {
      plugin: "counting",
      call: next,
      decide: (_, { text }) => {
        asked++;
        return text !== "refused";
      },
    },
  ]);
  const permission = new PublishPermission(IDENTITY, publish);
  const [a, b, refused] = [topic("a"), topic("b"), topic("refused")];
  for (let round = 0; round < 3; round++) {
    assert.equal(permission.allows(a), true);
    assert.equal(permission.allows(a), true);
    assert.equal(permission.allows(b), true);
    assert.equal(permission.allows(refused), false);
  }
  assert.equal(asked, 3);
  publish.invalidate();
  assert.equal(permission.allows(b), true);
  assert.equal(permission.allows(a), true);
  assert.equal(asked, 5);
  publish.replace([]);
  assert.equal(permission.allows(a), false);
});

test("a topic that nobody holds for the next time is asked about each time, and not remembered", () => {
  const publish = chain();
  let asked = 0;
  publish.replace([{ plugin: "counting", call: next, decide: () => ++asked > 0 }]);
  const permission = new PublishPermission(IDENTITY, publish);
  const [a, passing] = [topic("a"), new Topic("b", Buffer.from("b"), 1)];
  for (let round = 0; round < 3; round++) {
    assert.equal(permission.allows(passing), true);
    assert.equal(permission.allows(a), true);
  }
  assert.equal(asked, 4);
});

test("a session remembers a bounded number of topics and stays right beyond", () => {
  const publish = chain();
  let asked = 0;
  const decide = (_: SessionIdentity, { text }: Topic) => {
    asked++;
    return Number(text) % 2 === 0;
  };
  publish.replace([{ plugin: "even", call: next, decide }]);
  const permission = new PublishPermission(IDENTITY, publish);
  const topics = Array.from({ length: 1000 }, (_, index) => topic(String(index)));
  for (const [index, one] of topics.entries()) assert.equal(permission.allows(one), index % 2 === 0);
  assert.equal(asked, 1000);
  for (const [index, one] of topics.entries()) assert.equal(permission.allows(one), index % 2 === 0);
  assert.ok(asked > 1256, "what was forgotten is asked again");
});

test("the payload is a copy, kept for asynchronous hooks and closed after synchronous ones", async () => {
  const publish = chain();
  const publication = publicationOf("a/b", "hello");
  const release = Promise.withResolvers<void>();
  let seen = "";
  publish.replace([
    {
      plugin: "late",
      call: async (request) => {
        await release.promise;
        seen = `${request.topic} ${request.payload}`;
        return { kind: "ok" };
      },
    },
  ]);
  const pending = publish.run(new PublicationRequest(IDENTITY, publication));
  publication.buffer.fill(0);
  release.resolve();
  assert.deepEqual(await pending, { kind: "ok", modifiers: null });
  assert.equal(seen, "a/b hello");

  const requests: { readonly payload: Buffer }[] = [];
  publish.replace([
    {
      plugin: "hoarder",
      call: (request) => {
        requests.push(request);
        return { kind: "ok" };
      },
    },
  ]);
  const result = publish.run(new PublicationRequest(IDENTITY, publicationOf("a/b", "hello")));
  assert.deepEqual(result, { kind: "ok", modifiers: null });
  assert.throws(() => requests[0]?.payload, /while the hook runs/);
});

test("MQTT 5 properties are read when asked for, once", () => {
  const publication = publicationOf("a", "x");
  let reads = 0;
  const request = new PublicationRequestM5(IDENTITY, publication, () => {
    reads++;
    return { contentType: "text" };
  });
  assert.equal(reads, 0);
  assert.equal(request.properties.contentType, "text");
  request.keep();
  assert.equal(request.properties.contentType, "text");
  assert.equal(request.payload.toString(), "x");
  assert.equal(reads, 1);
});
