import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Topic } from "../mqtt/topic.ts";
import { TopicAliases } from "./topic-aliases.ts";

const topic = (text: string): Topic => new Topic(text, Buffer.from(text), 1);

describe("TopicAliases", () => {
  it("knows what the client last said an alias stands for", () => {
    const aliases = new TopicAliases(0);
    const [a, b] = [topic("a"), topic("b")];
    assert.equal(aliases.resolve(3), null);
    assert.equal(a.lasting, false);
    aliases.learn(3, a);
    assert.equal(a.lasting, true);
    assert.deepEqual(
      [1, 2, 3, 4].map((alias) => aliases.resolve(alias)?.text),
      [undefined, undefined, "a", undefined],
    );
    aliases.learn(1, a);
    aliases.learn(3, b);
    assert.deepEqual([aliases.resolve(1), aliases.resolve(3)], [a, b]);
    aliases.learn(65_535, b);
    assert.equal(aliases.resolve(65_535), b);
  });

  it("gives the client's aliases to the first topics, which keep them", () => {
    const aliases = new TopicAliases(2);
    const [a, b, c] = [topic("a"), topic("b"), topic("c")];
    assert.deepEqual([aliases.known(a), aliases.next()], [0, 1]);
    assert.equal(aliases.next(), 1, "an alias that was not sent is still free");
    aliases.assign(a, 1);
    assert.deepEqual([aliases.known(a), aliases.next()], [1, 2]);
    aliases.assign(b, 2);
    assert.deepEqual([aliases.known(c), aliases.next()], [0, 0]);
    assert.deepEqual([aliases.known(a), aliases.known(b)], [1, 2]);
  });

  it("gives none where the client allows none", () => {
    assert.equal(new TopicAliases(0).next(), 0);
  });

  it("keeps both directions apart", () => {
    const aliases = new TopicAliases(1);
    const a = topic("a");
    aliases.learn(1, a);
    assert.equal(aliases.known(a), 0);
    aliases.assign(topic("b"), 1);
    assert.equal(aliases.resolve(1), a);
  });
});
