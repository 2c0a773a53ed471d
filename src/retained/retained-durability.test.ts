import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { systemClock } from "../clock/clock.ts";
import { Publication } from "../mqtt/publication.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { MemoryDatabase } from "../store/memory-database-test-support.ts";
import { openMemoryStore } from "../store/memory-store-test-support.ts";
import type { MessageStore } from "../store/participant.ts";
import { quickTimers } from "../store/store-test-support.ts";
import { RetainedStores } from "./retained-stores.ts";

const TOPICS = ["a", "a/b", "a/b/c", "$x", "b"];

function storesOn(store: MessageStore): RetainedStores {
  const table = new TopicTable();
  return new RetainedStores(store, () => table, systemClock);
}

/** What a start on this database finds: the value of each topic. */
async function restarted(database: MemoryDatabase): Promise<Map<string, string>> {
  const { store } = await openMemoryStore({ database });
  const stores = storesOn(store);
  assert.deepEqual((await stores.load()).damaged, []);
  const found = new Map(
    [...stores.of("").entries()].map(({ topic, payload }) => [topic, payload.toString()]),
  );
  await store.close();
  return found;
}

it("after a crash no retained value is older than an acknowledged one, also when writes fail for a while", async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant("set" as const), topic: fc.nat(4), number: fc.nat(2) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant("delete" as const), topic: fc.nat(4), number: fc.nat(2) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant("turn" as const), topic: fc.constant(0), number: fc.nat(4) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("fail" as const), topic: fc.constant(0), number: fc.nat(1) }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const { store, database } = await openMemoryStore({ timers: quickTimers() });
      const retained = storesOn(store).of("");
      const table = new TopicTable();
      /** All values that each topic has had ("" for none), and which of them was acknowledged last. */
      const values = TOPICS.map(() => [""]);
      const acknowledged = TOPICS.map(() => 0);
      const crashes: { database: MemoryDatabase; acknowledged: number[] }[] = [];
      let waiting = 0;
      for (const [i, { what, topic, number }] of steps.entries()) {
        const history = values[topic];
        assert.ok(history);
        if (what === "turn") for (let turns = 0; turns < number; turns++) await turn();
        else if (what === "fail") database.failure = number === 0 ? new Error("no space left") : null;
        else {
          const publication = new Publication();
          publication.topic = table.internText(TOPICS[topic] ?? "");
          publication.retain = true;
          publication.qos = number;
          publication.buffer = Buffer.from(what === "set" ? `value ${i}` : "");
          publication.payloadEnd = publication.buffer.length;
          history.push(publication.buffer.toString());
          const version = history.length - 1;
          const message = retained.set(publication);
          assert.equal(message === null, number === 0);
          if (message === null) continue;
          waiting++;
          message.listener = {
            settled: () => {
              waiting--;
              assert.ok((acknowledged[topic] ?? 0) < version, "acknowledged in order");
              acknowledged[topic] = version;
              crashes.push({ database: database.copy(), acknowledged: acknowledged.slice() });
            },
          };
        }
      }
      database.failure = null;
      while (waiting > 0) await turn();
      await store.close();
      assert.equal(store.uncommittedBytes, 0);
      for (const crash of crashes) {
        const found = await restarted(crash.database);
        for (const [topic, name] of TOPICS.entries()) {
          const allowed = values[topic]?.slice(crash.acknowledged[topic]) ?? [];
          assert.ok(
            allowed.includes(found.get(name) ?? ""),
            `${name}: ${found.get(name)} is older than acknowledged`,
          );
        }
      }
      const last = await restarted(database.copy());
      for (const [topic, name] of TOPICS.entries()) assert.equal(last.get(name) ?? "", values[topic]?.at(-1));
    }),
    { numRuns: 60 },
  );
});
