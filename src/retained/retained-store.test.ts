import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import type { Message } from "../mqtt/message.ts";
import { Publication } from "../mqtt/publication.ts";
import { filterMatches } from "../mqtt/topic-filter.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { CommitBatch, CommitParticipant, MessageStore } from "../store/participant.ts";
import { ENTRY_HEADER, pageKey } from "../store/retained-page.ts";
import type { RetainedStore } from "./retained-store.ts";
import { RetainedStores } from "./retained-stores.ts";
import { RetainedSweeper } from "./retained-sweeper.ts";

/** Commits when it is told to, in two steps. */
class ManualStore implements Pick<MessageStore, "touch" | "records" | "uncommittedBytes"> {
  readonly table: Map<string, Buffer>;
  uncommittedBytes = 0;
  private touched: CommitParticipant[] = [];
  private collected: CommitParticipant[] = [];

  constructor(table = new Map<string, Buffer>()) {
    this.table = table;
  }

  touch(participant: CommitParticipant): void {
    if (participant.dirty) return;
    participant.dirty = true;
    this.touched.push(participant);
  }

  /** Begins a commit: what is collected becomes durable by `finish`. */
  begin(): void {
    const none = () => assert.fail("not a record");
    const batch: CommitBatch = {
      reference: none,
      head: none,
      release: none,
      removeQueue: none,
      putRecord: (table, key, value) => {
        assert.equal(table, "retained");
        this.table.set(key, Buffer.from(value));
      },
      deleteRecord: (table, key) => {
        assert.equal(table, "retained");
        this.table.delete(key);
      },
    };
    this.collected = this.touched;
    this.touched = [];
    for (const each of this.collected) {
      each.dirty = false;
      each.collect(batch);
    }
  }

  finish(): void {
    for (const each of this.collected.splice(0)) each.committed();
  }

  async *records(): AsyncGenerator<{ key: string; value: Buffer }[]> {
    const all = [...this.table].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ key, value }));
    for (let i = 0; i < all.length; i += 3) yield all.slice(i, i + 3);
  }
}

class Bench {
  readonly clock = new ManualClock();
  readonly store: ManualStore;
  readonly tables = new Map<string, TopicTable>();
  readonly stores: RetainedStores;

  constructor(table?: Map<string, Buffer>) {
    this.store = new ManualStore(table);
    const unused = () => assert.fail("not used by the retained store");
    const store: MessageStore = Object.assign(this.store, {
      gatheredBytes: 0,
      touchLater: unused,
      whenDurable: unused,
      newQueueId: unused,
      readReferences: unused,
      readHead: unused,
      heads: unused,
      readRecord: unused,
      overloaded: false,
      whenRelieved: unused,
    });
    this.stores = new RetainedStores(store, (mountpoint) => this.table(mountpoint), this.clock);
  }

  get retained(): RetainedStore {
    return this.stores.of("");
  }

  table(mountpoint = ""): TopicTable {
    const table = this.tables.get(mountpoint) ?? new TopicTable();
    this.tables.set(mountpoint, table);
    return table;
  }

  publication(topic: string, payload: string | Buffer, given: Partial<Publication> = {}): Publication {
    const publication = Object.assign(new Publication(), { qos: 1, retain: true }, given);
    publication.topic = this.table().internText(topic);
    publication.buffer = Buffer.concat([Buffer.from("before"), Buffer.from(payload), Buffer.from("after")]);
    publication.payloadStart = 6;
    publication.payloadEnd = publication.buffer.length - 5;
    return publication;
  }

  set(topic: string, payload: string | Buffer, given: Partial<Publication> = {}): Message | null {
    return this.retained.set(this.publication(topic, payload, given));
  }

  commit(): void {
    this.store.begin();
    this.store.finish();
  }

  /** Everything that matches, as topic=payload. */
  read(filter: string, limit = 2): string[] {
    return all(this.retained, filter, limit).map(show);
  }
}

function all(retained: RetainedStore, filter: string, limit = 2): Message[] {
  const cursor = retained.read(filter);
  const messages: Message[] = [];
  for (let more = true; more; ) {
    const before = messages.length;
    more = cursor.next(limit, messages);
    assert.ok(messages.length - before <= limit);
  }
  return messages;
}

function payloadOf(message: Message): string {
  return message.buffer.toString("utf8", message.payloadStart, message.payloadEnd);
}

function show(message: Message): string {
  return `${message.topic.text}=${payloadOf(message)}`;
}

const word = fc.constantFrom("a", "b", "c", "", "$s", "a-rather-long-level");
const topicName = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .map((words) => words.join("/"))
  .filter((text) => text !== "");
const filterText = fc
  .tuple(fc.array(fc.oneof(word, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([words, rest]) => [...words, ...(rest ? ["#"] : [])].join("/"))
  .filter((text) => text !== "");

describe("RetainedStore", () => {
  it("keeps the last message of each topic with QoS, properties and expiry, and deletes by an empty payload", () => {
    const bench = new Bench();
    bench.set("a/b", "old");
    bench.set("a/b", "new", {
      qos: 2,
      propertyBuffer: Buffer.from("..props"),
      propertyStart: 2,
      propertyEnd: 7,
      expiryInterval: 60,
    });
    bench.set("a/c", "zero", { qos: 0 });
    const [message] = all(bench.retained, "a/b");
    assert.ok(message);
    assert.equal(show(message), "a/b=new");
    assert.equal(message.qos, 2);
    assert.equal(message.retain, true);
    assert.equal(message.buffer.toString("utf8", message.propertyStart, message.propertyEnd), "props");
    assert.equal(message.expiresAt, bench.clock.now() + 60_000);
    assert.equal(message.topic, bench.table().internText("a/b"));
    assert.deepEqual(bench.read("a/+").sort(), ["a/b=new", "a/c=zero"]);
    bench.set("a/b", "");
    assert.deepEqual(bench.read("#"), ["a/c=zero"]);
    assert.equal(bench.retained.count, 1);
  });

  it("leaves out what a client has published itself where that is wanted, also after a restart", async () => {
    const bench = new Bench();
    bench.set("a/mine", "1", { origin: { clientId: "mé" } });
    bench.set("a/yours", "2", { origin: { clientId: "m" } });
    bench.set("a/nobody's", "3");
    bench.commit();
    const restarted = new Bench(bench.store.table);
    await restarted.stores.load();
    for (const { retained } of [bench, restarted]) {
      const read = (notBy: string | null) => {
        const messages: Message[] = [];
        while (retained.read("a/#", notBy).next(9, messages));
        return messages.map((message) => message.topic.text.slice(2)).sort();
      };
      assert.deepEqual(read(null), ["mine", "nobody's", "yours"]);
      assert.deepEqual(read("mé"), ["nobody's", "yours"]);
      assert.deepEqual(read("m"), ["mine", "nobody's"]);
      assert.deepEqual(read("other"), ["mine", "nobody's", "yours"]);
    }
  });

  it("holds back the publisher until the value is durable, in the commit that took it along", () => {
    const bench = new Bench();
    const settled: number[] = [];
    const publish = (ticket: number, payload: string) => {
      const message = bench.set("t", payload);
      assert.ok(message);
      assert.equal(message.unsettled, 1);
      message.listener = { settled: (each) => settled.push(each) };
      message.ticket = ticket;
    };
    publish(1, "one");
    publish(2, "two");
    bench.store.begin();
    publish(3, "");
    assert.deepEqual(settled, []);
    bench.store.finish();
    assert.deepEqual(settled, [1, 2]);
    assert.ok(bench.store.uncommittedBytes > 0);
    bench.commit();
    assert.deepEqual(settled, [1, 2, 3]);
    assert.equal(bench.store.uncommittedBytes, 0);
    publish(4, "");
    bench.commit();
    assert.deepEqual(settled, [1, 2, 3, 4]);
    assert.equal(bench.set("t", "nobody waits", { qos: 0 }), null);
  });

  it("does not change what was handed to a commit, nor messages that were read", () => {
    const bench = new Bench();
    bench.set("t", "first");
    bench.store.begin();
    const [message] = all(bench.retained, "t");
    assert.ok(message);
    for (let i = 0; i < 10; i++) bench.set("t", `again${i}`);
    assert.equal(payloadOf(message), "first");
    const restarted = new Bench(new Map(bench.store.table));
    return restarted.stores.load().then((load) => {
      assert.deepEqual(load, { loaded: 1, damaged: [] });
      assert.deepEqual(restarted.read("#"), ["t=first"]);
    });
  });

  it("keeps large messages", async () => {
    const bench = new Bench();
    const sizes = [1, 4095, 4096, 4097, 8100, 8192, 9000, 70_000, 1_000_000];
    for (const size of sizes) bench.set(`size/${size}`, Buffer.alloc(size, 0x61));
    bench.commit();
    const restarted = new Bench(bench.store.table);
    await restarted.stores.load();
    for (const each of [bench, restarted]) {
      for (const size of sizes)
        assert.deepEqual(each.read(`size/${size}`), [`size/${size}=${"a".repeat(size)}`]);
    }
    const [big] = all(bench.retained, "size/70000");
    bench.set("size/70000", Buffer.alloc(70_000, 0x62));
    assert.ok(big);
    assert.equal(payloadOf(big), "a".repeat(70_000));
  });

  it("keeps mountpoints apart, also over a restart", async () => {
    const bench = new Bench();
    bench.set("t", "default");
    bench.stores.of("m").set(bench.publication("t", "other"));
    bench.commit();
    const restarted = new Bench(bench.store.table);
    await restarted.stores.load();
    assert.deepEqual(all(restarted.stores.of("m"), "#").map(show), ["t=other"]);
    assert.deepEqual(restarted.read("#"), ["t=default"]);
    assert.equal(restarted.stores.count, 2);
    assert.ok(restarted.stores.bytes > 0);
  });

  it("reports values that it cannot read and loads the others", async () => {
    const bench = new Bench();
    bench.set("good", "x");
    bench.commit();
    const { table } = bench.store;
    const [good] = table.values();
    assert.ok(good);
    const at = (number: number) => pageKey("", number);
    table.set(at(20), good.subarray(0, good.length - 1));
    table.set(at(21), Buffer.concat([Buffer.from([9]), good.subarray(1)]));
    const bad = Buffer.from(good);
    bad.write("ba/#", 1 + ENTRY_HEADER);
    table.set(at(22), bad);
    table.set("nokey", good);
    const restarted = new Bench(table);
    const load = await restarted.stores.load();
    assert.equal(load.loaded, 1);
    assert.deepEqual([...load.damaged].sort(), [at(20), at(21), at(22), "nokey"]);
    assert.deepEqual(restarted.read("#"), ["good=x"]);
  });

  it("never delivers an expired message, and deletes it when it is met, swept or loaded", async () => {
    const bench = new Bench();
    for (const topic of ["read/a", "swept/a", "loaded/a"]) {
      bench.set(topic, "x", { expiryInterval: 10 });
      bench.set(`${topic}/stays`, "y", { expiryInterval: 100 });
    }
    bench.commit();
    bench.clock.advance(9_999);
    assert.equal(bench.read("#").length, 6);
    bench.clock.advance(1);
    assert.deepEqual([...bench.retained.entries()].map((each) => each.topic).sort(), [
      "loaded/a/stays",
      "read/a/stays",
      "swept/a/stays",
    ]);
    assert.deepEqual(bench.read("read/#"), ["read/a/stays=y"]);
    assert.equal(bench.retained.count, 5);
    const before = new Map(bench.store.table);
    while (bench.retained.sweepExpired(1));
    assert.equal(bench.retained.count, 3);
    bench.commit();
    assert.equal(bench.store.uncommittedBytes, 0);
    const swept = new Bench(bench.store.table);
    assert.equal((await swept.stores.load()).loaded, 3);

    const restarted = new Bench(before);
    restarted.clock.advance(10_000);
    await restarted.stores.load();
    assert.equal(restarted.retained.count, 3);
    restarted.commit();
    restarted.clock.advance(-10_000);
    const again = new Bench(before);
    assert.equal((await again.stores.load()).loaded, 3);
  });

  it("does not keep a message with an expiry interval of 0; the one before has been replaced all the same", async () => {
    const bench = new Bench();
    bench.set("a", "before");
    bench.commit();
    assert.notEqual(bench.set("a", "now", { expiryInterval: 0 }), null);
    assert.deepEqual([bench.read("#"), bench.retained.count], [[], 0]);
    bench.commit();
    const restarted = new Bench(bench.store.table);
    assert.equal((await restarted.stores.load()).loaded, 0);
  });

  it("sweeps by the timer wheel until everything expired is gone", () => {
    const bench = new Bench();
    const wheel = new TimerWheel(bench.clock, 100, (error) => {
      throw error;
    });
    for (let i = 0; i < 25_000; i++)
      bench.set(`t/${i}`, "x", { expiryInterval: i % 2 === 0 ? 5 : -1, qos: 0 });
    const sweeper = new RetainedSweeper(bench.stores, wheel, 10);
    sweeper.start();
    bench.clock.advance(9_900);
    wheel.turn();
    assert.equal(bench.retained.count, 25_000);
    for (let i = 0; i < 10; i++) {
      bench.clock.advance(200);
      wheel.turn();
    }
    assert.equal(bench.retained.count, 12_500);
    sweeper.stop();
    assert.equal(sweeper.dueTick, -1);
  });

  it("lists entries for retain show", () => {
    const bench = new Bench();
    bench.set("$SYS/x", "sys", { qos: 0 });
    bench.set("a", "1", { qos: 2, expiryInterval: 5 });
    const entries = [...bench.retained.entries()].sort((x, y) => (x.topic < y.topic ? -1 : 1));
    assert.deepEqual(entries, [
      { topic: "$SYS/x", qos: 0, payload: Buffer.from("sys"), expiresAt: 0 },
      { topic: "a", qos: 2, payload: Buffer.from("1"), expiresAt: bench.clock.now() + 5_000 },
    ]);
  });

  it("bounds the work of one call: a filter that matches nothing gives way", () => {
    const bench = new Bench();
    for (let i = 0; i < 10_000; i++) bench.set(`t/${i}/x`, "x", { qos: 0 });
    const cursor = bench.retained.read("t/+/y");
    const into: Message[] = [];
    assert.equal(cursor.next(100, into), true);
    let calls = 1;
    while (cursor.next(100, into)) calls++;
    assert.ok(calls <= 5);
    assert.equal(into.length, 0);
  });

  it("uses freed memory again", () => {
    const bench = new Bench();
    const fill = (size: number) => {
      for (let i = 0; i < 2_000; i++) bench.set(`t/${i}`, Buffer.alloc(size + (i % 50), 0x61), { qos: 0 });
    };
    fill(100);
    fill(100);
    const { bytes } = bench.retained;
    for (let round = 0; round < 20; round++) fill(100);
    assert.ok(bench.retained.bytes <= bytes * 1.1, `${bytes} became ${bench.retained.bytes}`);
    for (let round = 0; round < 5; round++) fill(100 + 300 * round);
    for (let i = 0; i < 2_000; i++) bench.set(`t/${i}`, "", { qos: 0 });
    assert.equal(bench.retained.count, 0);
    assert.ok(bench.retained.bytes < 8 * 1024 * 1024, `${bench.retained.bytes} left`);
  });

  it("answers as a naive store does, also after a restart", async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constant("set"), topicName, fc.nat(300)) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("delete"), topicName, fc.constant(0)) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("read"), filterText, fc.integer({ min: 1, max: 9 })) },
      { weight: 1, arbitrary: fc.tuple(fc.constant("commit"), fc.constant(""), fc.constant(0)) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const bench = new Bench();
        const model = new Map<string, string>();
        const expected = (filter: string) =>
          [...model]
            .filter(([topic]) => filterMatches(filter, topic))
            .map(([topic, payload]) => `${topic}=${payload}`);
        for (const [what, text, number] of steps) {
          if (what === "set") {
            const payload = `${number}`.repeat(1 + number);
            bench.set(text, payload);
            model.set(text, payload);
          } else if (what === "delete") {
            bench.set(text, "");
            model.delete(text);
          } else if (what === "commit") bench.commit();
          else {
            const wanted = expected(text).sort();
            assert.deepEqual(bench.read(text, number).sort(), wanted);
            assert.ok(bench.retained.mayHave(text) || wanted.length === 0, text);
          }
          assert.equal(bench.retained.count, model.size);
        }
        bench.commit();
        const restarted = new Bench(bench.store.table);
        await restarted.stores.load();
        for (const each of [bench, restarted]) {
          const found = [...each.retained.entries()].map(({ topic, payload }) => `${topic}=${payload}`);
          assert.deepEqual(found.sort(), [...model].map(([topic, payload]) => `${topic}=${payload}`).sort());
        }
      }),
      { numRuns: 300 },
    );
  });

  it("tells without a walk that nothing matches, by the levels before the first wildcard", () => {
    const bench = new Bench();
    assert.deepEqual([bench.retained.mayHave("a"), bench.retained.mayHave("a/#")], [false, false]);
    for (const topic of ["a/b", "a/c/d", "e"]) bench.set(topic, "x");
    const none = ["x", "x/+", "a/x/#", "a/x", "a/", "/a", "$a/#"];
    for (const filter of none) assert.equal(bench.retained.mayHave(filter), false, filter);
    for (const filter of ["#", "+", "e", "a/+/x", "a/b", "a/c/d", "a/#", "e/#"])
      assert.equal(bench.retained.mayHave(filter), true, filter);
  });

  it("reads each untouched message exactly once while others come and go", () => {
    const change = fc.tuple(topicName, fc.boolean());
    fc.assert(
      fc.property(
        fc.uniqueArray(topicName, { maxLength: 40 }),
        filterText,
        fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 40 }),
        (topics, filter, rounds) => {
          const bench = new Bench();
          for (const topic of topics) bench.set(topic, "x");
          const touched = new Set(rounds.flat().map(([topic]) => topic));
          const cursor = bench.retained.read(filter);
          const messages: Message[] = [];
          let round = 0;
          while (cursor.next(1, messages)) {
            for (const [topic, present] of rounds[round++] ?? []) bench.set(topic, present ? "y" : "");
          }
          const read = messages.map((message) => message.topic.text);
          const untouched = topics.filter((topic) => !touched.has(topic) && filterMatches(filter, topic));
          assert.deepEqual(read.filter((topic) => !touched.has(topic)).sort(), untouched.sort());
          for (const topic of read) assert.ok(filterMatches(filter, topic), topic);
          for (const message of messages) assert.match(payloadOf(message), /^[xy]$/);
        },
      ),
      { numRuns: 500 },
    );
  });
});
