/** What each client must get, may get, and may not get any more: see the test of sessions against their model. */
import assert from "node:assert/strict";
import { ManualClock } from "../../src/clock/clock.ts";
import { Client, isOver, kept, matches, type Qos, type Sent, type State, unique } from "./session-states.ts";
import type { Publish } from "./wire.ts";

export const CLIENTS = ["c0", "c1", "c2"] as const;
export const FILTERS = ["d/a", "d/+", "d/#", "$share/g/g/+", "$share/h/g/#"] as const;
export const TOPICS = ["d/a", "d/b", "g/a", "r"] as const;
/** Nobody subscribes to it; what is retained is read at the end. */
export const RETAINED = "r";

/**
 * The expectations of a `SessionWorld`. While the broker runs it is known what it has of each client; what a crash leaves
 * may be any of several states, of which the next CONNACK tells some apart.
 */
export abstract class SessionExpectations {
  readonly clock = new ManualClock();
  readonly clients = CLIENTS.map((id) => new Client(id));
  readonly messages: Sent[] = [];
  /** Wills that were published, which is not durable yet. */
  protected published: Sent[] = [];
  /** Wills that are not to be published any more, which is not durable yet. */
  protected dropped: Sent[] = [];
  /** What may be retained: the last entry, or one of them when that is not sure. */
  protected retained: (Sent | null)[] = [null];
  /** Which of several retained publishes came last is not known after a crash or a repetition. */
  protected unsure = false;

  get now(): number {
    return this.clock.now();
  }

  protected publishWill(client: Client): void {
    const { will } = client;
    if (will === null) return;
    client.will = null;
    this.expect(will.sent, false);
    this.published.push(will.sent);
  }

  /** The will of a connection that has ended, whose session may live on. */
  protected willOf(client: Client, publish: boolean): void {
    const { will } = client;
    if (will === null) return;
    will.sure = false;
    const lives = client.possible.every((state) => state !== null && state.expiry > 0);
    if (!publish) {
      client.will = null;
      this.dropped.push(will.sent);
    } else if (lives && will.delay > 0) will.due = this.now + will.delay * 1_000;
    else this.publishWill(client);
  }

  /** A crash has come: what was not durable may be so or not. */
  protected willsAfterCrash(): void {
    for (const sent of [...this.published, ...this.dropped]) sent.free = true;
    this.published = [];
    this.dropped = [];
    for (const client of this.clients) {
      const { will } = client;
      if (will === null) continue;
      const [state, ...others] = unique(client.disk);
      if (!will.sure || others.length > 0) {
        will.sent.free = true;
        client.will = null;
      } else if (state === null || state === undefined) client.will = null;
      else will.due ??= this.now + will.delay * 1_000;
    }
  }

  protected willsDue(before: readonly (readonly (State | null)[])[]): void {
    this.clients.forEach((client, index) => {
      const { will } = client;
      if (will === null || will.due === null) return;
      const ended = before[index]?.map((state) => isOver(state, this.now)) ?? [];
      if (will.due <= this.now || ended.every((over) => over)) this.publishWill(client);
      else if (ended.some((over) => over)) {
        will.sent.free = true;
        client.will = null;
      }
    });
  }

  /** What was to come need not come any more. */
  protected nothingMust(client: Client): void {
    for (const { expected } of this.messages) {
      const expectation = expected.get(client);
      if (expectation !== undefined) expectation.must = false;
    }
  }

  protected expire(client: Client): void {
    client.possible = unique(client.possible.map((state) => (isOver(state, this.now) ? null : state)));
  }

  /** QoS 2 messages that a member had open when its session ended are nobody's any more. */
  protected sessionsEnded(before: readonly (readonly (State | null)[])[]): void {
    this.clients.forEach((client, index) => {
      const numbers = new Set(client.possible.map((state) => state?.session));
      for (const state of before[index] ?? []) {
        if (state === null || numbers.has(state.session)) continue;
        for (const { qos, groups } of this.messages) {
          if (qos === 2) for (const expectation of groups.values()) expectation.must = false;
        }
      }
    });
    this.judgeGroups();
  }

  /** A group without a member that is certainly there may be gone, with all that waited for it. */
  protected judgeGroups(): void {
    for (const filter of FILTERS) {
      if (!filter.startsWith("$share/")) continue;
      const sure = this.clients.some(({ possible, disk }) =>
        [...possible, ...disk].every(
          (state) => state?.stored === true && state.expiry > 0 && (state.filters.get(filter) ?? 0) > 0,
        ),
      );
      if (sure) continue;
      for (const { groups } of this.messages) {
        const expectation = groups.get(filter);
        if (expectation !== undefined) expectation.must = false;
      }
    }
  }

  protected ended(client: Client, expiry: number | null, publishWill: boolean): void {
    const before = this.clients.map(({ possible }) => possible);
    this.willOf(client, publishWill);
    client.possible = client.possible.map((state) => {
      if (state === null) return null;
      const ended = { ...state, expiry: expiry ?? state.expiry, end: this.now };
      return ended.expiry === 0 ? null : ended;
    });
    client.possible = unique(client.possible);
    client.disk = unique([...client.disk, ...client.possible.map(kept)]);
    this.sessionsEnded(before);
  }

  protected message(topic: string, qos: Qos, publisher: string, long: boolean, expiry: number): Sent {
    const number = this.messages.length;
    const sent: Sent = {
      number,
      topic,
      qos,
      payload: `${number} ${"x".repeat(long ? 3_000 : 0)}`,
      publisher,
      expiry,
      expiresAt: 0,
      acknowledged: false,
      free: false,
      repeated: false,
      expected: new Map(),
      groups: new Map(),
    };
    this.messages.push(sent);
    return sent;
  }

  /** What has to come of a message that is routed now, once more if it is `again`. */
  protected expect(sent: Sent, again: boolean): void {
    const { topic, qos } = sent;
    for (const client of this.clients) {
      const matched = client.possible.map((state) => {
        const direct = [...(state?.filters ?? [])].filter(([filter]) => matches(filter, topic));
        return direct.map(([, granted]) => Math.min(granted, qos));
      });
      const sure = client.possible.every((state) => state?.stored === true);
      const must = sure && matched.every((levels) => levels.some((level) => level > 0));
      const most = Math.max(0, ...matched.map(({ length }) => length));
      const mostTwo = Math.max(0, ...matched.map((levels) => levels.filter((level) => level === 2).length));
      const before = sent.expected.get(client);
      if (again && before !== undefined) {
        before.must &&= must;
        before.most += most;
        before.mostTwo = Math.max(before.mostTwo, mostTwo);
      } else sent.expected.set(client, { must: must && !again, most, mostTwo, got: 0, gotTwo: 0 });
    }
    for (const filter of FILTERS) {
      if (!filter.startsWith("$share/") || !topic.startsWith("g/")) continue;
      const must =
        qos > 0 &&
        this.clients.some(({ possible }) =>
          possible.every((state) => state?.stored === true && (state.filters.get(filter) ?? 0) > 0),
        ) &&
        // A member with QoS 0 may be the one that gets it, and lose it.
        this.clients.every(({ possible }) =>
          possible.every(
            (state) =>
              state?.filters.get(filter) !== 0 &&
              (state === null || state.stored || !state.filters.has(filter)),
          ),
        );
      const before = sent.groups.get(filter);
      if (again && before !== undefined) {
        before.must &&= must;
        before.most++;
      } else sent.groups.set(filter, { must: must && !again, most: 1, mostTwo: 1, got: 0, gotTwo: 0 });
    }
  }

  /** A message has come to the application of a client. */
  protected arrived(client: Client, sent: Sent, { qos, dup }: Publish, name: string): void {
    const { number } = sent;
    if (sent.free) return;
    if (qos > 0 && !dup && sent.expiresAt !== 0)
      assert.ok(this.now < sent.expiresAt, `${name}: it has expired`);
    if (sent.topic.startsWith("g/")) {
      const groups = [...sent.groups.values()];
      for (const group of groups) group.got++;
      const two = groups.reduce((sum, { gotTwo }) => Math.max(sum, gotTwo), 0) + (qos === 2 ? 1 : 0);
      for (const group of groups) group.gotTwo = two;
      if ((!sent.repeated || sent.qos === 2) && qos === 2)
        assert.ok(two <= groups.length, `${name}: ${two} times at QoS 2`);
      return;
    }
    const expectation = sent.expected.get(client);
    assert.ok(
      expectation !== undefined && expectation.most > 0,
      `${name}, which this session has not subscribed to: ${JSON.stringify(client.possible)}`,
    );
    expectation.got++;
    if (qos === 2) {
      expectation.gotTwo++;
      assert.ok(
        expectation.gotTwo <= expectation.mostTwo,
        `${name}: ${expectation.gotTwo} times at QoS 2, not ${expectation.mostTwo}`,
      );
    }
    // What its publisher has sent again may come first to a session that had not subscribed the first time.
    const inOrder = !sent.repeated && !sent.publisher.startsWith("will");
    if (qos > 0 && expectation.got === 1 && expectation.most === 1 && inOrder) {
      const stream = `${sent.publisher} ${sent.topic} ${sent.qos} ${qos}`;
      assert.ok(number > (client.last.get(stream) ?? -1), `${name} after ${client.last.get(stream)}`);
      client.last.set(stream, number);
    }
  }

  /** Nothing more will come. */
  protected judge(retained: string): void {
    for (const { number, acknowledged, expected, groups, qos, free, repeated, expiry, expiresAt } of this
      .messages) {
      if (!acknowledged || free || (expiry !== 0 && (repeated || expiresAt <= this.now))) continue;
      for (const [client, { must, got }] of expected) {
        assert.ok(
          !must || got > 0,
          `${client.id} did not get ${number} (QoS ${qos}), which was acknowledged`,
        );
      }
      const all = [...groups];
      if (all.length > 0 && all.some(([, { must }]) => must)) {
        assert.ok(
          (all[0]?.[1].got ?? 0) > 0,
          `nobody in ${all.map(([name]) => name)} got ${number} (QoS ${qos})`,
        );
      }
    }
    const allowed = (this.unsure ? this.retained : this.retained.slice(-1)).map(
      (sent) => sent?.payload ?? "",
    );
    assert.ok(allowed.includes(retained), `retained is ${retained}, not one of ${allowed}`);
  }
}
