import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type EdgeEnd, EdgeTable, sameText } from "./edge-table.ts";

class End implements EdgeEnd {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  isNamed(text: string, start: number, end: number): boolean {
    return this.name.length === end - start && sameText(this.name, 0, text, start, end);
  }
}

/** A table and a Map with the same edges. */
class Pair {
  readonly table: EdgeTable<End>;
  readonly model = new Map<string, End>();
  constructor(hashMask?: number) {
    this.table = new EdgeTable<End>(hashMask);
  }
  set(node: number, name: string): void {
    const end = new End(name);
    const text = `left/${name}/right`;
    assert.equal(
      this.table.set(node, text, 5, 5 + name.length, end),
      this.model.get(`${node} ${name}`) ?? null,
    );
    this.model.set(`${node} ${name}`, end);
  }
  obtain(node: number, name: string): void {
    const key = `${node} ${name}`;
    const known = this.model.get(key);
    let made: End | undefined;
    const end = this.table.obtain(node, name, (text) => {
      made = new End(text);
      return made;
    });
    assert.equal(end, known ?? made);
    if (known !== undefined) assert.equal(made, undefined);
    this.model.set(key, end);
  }
  delete(node: number, name: string): void {
    assert.equal(this.table.delete(node, name, 0, name.length), this.model.delete(`${node} ${name}`));
  }
  check(node: number, name: string): void {
    assert.equal(this.table.get(node, name, 0, name.length), this.model.get(`${node} ${name}`) ?? null);
    assert.equal(this.table.size, this.model.size);
  }
}

describe("EdgeTable", () => {
  for (const [what, mask] of [
    ["hashes as they are", -1],
    ["hardly any two hashes apart", 0x100],
    ["few of them", 0xf00],
  ] as const) {
    it(`does as a Map does, with ${what}`, () => {
      const name = fc.constantFrom("", "a", "b", "ab", "ba", "a-longer-name", "ü");
      const step = fc.tuple(fc.constantFrom("set", "obtain", "delete", "check"), fc.nat(3), name);
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
          const pair = new Pair(mask);
          for (const [what, node, each] of steps) {
            if (what === "set") pair.set(node, each);
            else if (what === "obtain") pair.obtain(node, each);
            else if (what === "delete") pair.delete(node, each);
            pair.check(node, each);
          }
          for (const key of [...pair.model.keys()]) {
            const space = key.indexOf(" ");
            pair.check(Number(key.slice(0, space)), key.slice(space + 1));
          }
        }),
      );
    });
  }

  it("keeps all of many edges, also while they are split into segments and go again", () => {
    const pair = new Pair();
    const count = 20_000;
    for (let i = 0; i < count; i++) pair.set(i % 100, `name${i}`);
    for (let i = 0; i < count; i += 3) pair.delete(i % 100, `name${i}`);
    for (let i = 0; i < count; i++) pair.check(i % 100, `name${i}`);
    for (let i = 0; i < count; i++) pair.check(i % 99, `name${i}`);
    for (let i = 0; i < count; i++) {
      pair.delete(i % 100, `name${i}`);
      if (i % 100 === 0) pair.check(99, `name${count - 1}`);
    }
    assert.equal(pair.table.size, 0);
    pair.set(1, "again");
    pair.check(1, "again");
  });
});
