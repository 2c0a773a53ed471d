import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CLIENTS, FILTERS, TOPICS } from "../../test/support/session-expectations.ts";
import { LEGACY_EXPIRY, NEVER, type Qos, type Version } from "../../test/support/session-states.ts";
import { SessionWorld } from "../../test/support/session-world.ts";
import { quietConfiguration } from "./node-test-support.ts";

/*
 * Sessions against their model: clients of all versions connect, subscribe, publish, take each other over, vanish and
 * expire, while commits are held up or fail, and the broker is killed and started again. What a session must get, may
 * get, and may not get any more is known at each step; after a crash it may be that of several states, until the next
 * CONNACK tells.
 */

type Step =
  | {
      readonly kind: "connect";
      readonly client: number;
      readonly version: Version;
      readonly clean: boolean;
      readonly expiry: number;
      readonly window: number;
      readonly will: { readonly qos: Qos; readonly delay: number } | null;
    }
  | { readonly kind: "drop" | "disconnect" | "resume"; readonly client: number }
  | { readonly kind: "disconnectWith"; readonly client: number; readonly expiry: number }
  | { readonly kind: "subscribe"; readonly client: number; readonly filter: number; readonly qos: Qos }
  | { readonly kind: "unsubscribe"; readonly client: number; readonly filter: number }
  | {
      readonly kind: "publish";
      readonly client: number;
      readonly topic: number;
      readonly qos: Qos;
      readonly count: number;
      readonly long: boolean;
      /** Seconds, 0 for none; or of a retained publish, that it deletes. */
      readonly expiry: number;
    }
  | { readonly kind: "answer"; readonly client: number; readonly count: number }
  | { readonly kind: "advance"; readonly seconds: number }
  | { readonly kind: "turn"; readonly count: number }
  | { readonly kind: "hold" | "release" | "fail" | "settle" | "crash" | "restart" };

async function perform(world: SessionWorld, step: Step): Promise<void> {
  const client = world.clients["client" in step ? step.client : 0];
  assert.ok(client !== undefined);
  switch (step.kind) {
    case "connect":
      world.connect(client, step);
      break;
    case "resume":
      world.connect(client, { version: client.version, clean: false, expiry: NEVER, window: 3, will: null });
      break;
    case "drop":
      world.drop(client);
      break;
    case "disconnect":
      world.disconnect(client, null);
      break;
    case "disconnectWith":
      world.disconnect(client, step.expiry);
      break;
    case "subscribe":
      world.change(client, FILTERS[step.filter] ?? "d/a", step.qos);
      break;
    case "unsubscribe":
      world.change(client, FILTERS[step.filter] ?? "d/a", null);
      break;
    case "publish":
      for (let i = 0; i < step.count; i++)
        world.publish(client, TOPICS[step.topic] ?? "d/a", step.qos, step.long, step.expiry);
      break;
    case "answer":
      world.answer(client, step.count);
      break;
    case "advance":
      await world.advance(step.seconds);
      break;
    case "turn":
      await world.turns(step.count);
      break;
    case "hold":
      world.hold();
      break;
    case "release":
      world.release();
      break;
    case "fail":
      world.database.failure = new Error("the disk is full");
      break;
    case "settle":
      await world.settle();
      break;
    case "crash":
      await world.crash();
      break;
    case "restart":
      await world.restart();
      break;
  }
  world.receive();
}

const client = fc.nat({ max: CLIENTS.length - 1 });
const qos = fc.constantFrom<Qos[]>(0, 1, 1, 2, 2);
const filter = fc.nat({ max: FILTERS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("connect"),
      client,
      version: fc.constantFrom<Version[]>(3, 4, 5, 5),
      clean: fc.constantFrom(false, false, false, true),
      expiry: fc.constantFrom(0, 10, 100, NEVER),
      window: fc.integer({ min: 1, max: 4 }),
      will: fc.option(fc.record({ qos, delay: fc.constantFrom(0, 0, 5, 50) })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("resume"), client }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("drop", "disconnect"), client }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("disconnectWith"),
      client,
      expiry: fc.constantFrom(0, 10, 100),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("subscribe"), client, filter, qos }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unsubscribe"), client, filter }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("publish"),
      client,
      topic: fc.nat({ max: TOPICS.length - 1 }),
      qos,
      count: fc.constantFrom(1, 1, 2, 5),
      long: fc.boolean(),
      expiry: fc.constantFrom(0, 0, 0, 5),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("answer"), client, count: fc.constantFrom(1, 2, 10) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("advance"), seconds: fc.constantFrom(1, 10, 40, 100) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("turn"), count: fc.constantFrom(1, 2, 3, 10) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom("hold", "release", "fail", "settle", "settle", "crash", "crash", "restart"),
    }),
  },
);

const long = process.env.VERNEMQ_TEST_LONG === "1";
const numRuns = Number(process.env.VERNEMQ_TEST_RUNS ?? (long ? 4_000 : 200));

test("sessions against their model, with crashes, refused writes, take-over and expiry", async (context) => {
  const configuration = quietConfiguration(
    context,
    [
      "allow_anonymous = on",
      "max_offline_messages = -1",
      "max_online_messages = -1",
      "max_inflight_messages = 3",
      "retry_interval = 0",
      `persistent_client_expiration = ${LEGACY_EXPIRY}s`,
    ].join("\n"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120, size: "max" }), async (steps) => {
      const world = await SessionWorld.make(configuration);
      for (const each of steps) await perform(world, each);
      await world.finish();
    }),
    { numRuns },
  );
});
