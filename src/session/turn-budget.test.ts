import assert from "node:assert/strict";
import { test } from "node:test";
import { type Held, TurnBudget } from "./turn-budget.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a turn ends when enough has been given away, and the next one begins anew", async () => {
  const budget = new TurnBudget();
  assert.equal(budget.spend(1000, 100), true);
  let count = 1;
  while (budget.spend(1000, 100)) count++;
  assert.ok(count > 30 && count < 300, `${count}`);
  assert.equal(budget.spend(1000, 100), false);
  await turn();
  assert.equal(budget.spend(1000, 100), true);
});

test("large payloads count by their size", () => {
  const budget = new TurnBudget();
  assert.equal(budget.spend(17, 4_000_000), false);
});

test("who is held goes on in the order of coming, each turn as many as the budget lets", async () => {
  const budget = new TurnBudget();
  const went: string[] = [];
  const greedy = (name: string, times: number): Held => ({
    goOn() {
      went.push(name);
      if (!budget.spend(1000, 1_000_000) && --times > 0) budget.hold(this);
    },
  });
  budget.spend(1000, 1_000_000);
  budget.hold(greedy("a", 2));
  budget.hold(greedy("b", 1));
  budget.hold(greedy("c", 1));
  const seen: string[] = [];
  for (let i = 0; i < 5; i++) {
    await turn();
    seen.push(went.splice(0).join(""));
  }
  assert.deepEqual(seen, ["a", "b", "c", "a", ""]);
});

test("nobody is forgotten when the budget is not used up", async () => {
  const budget = new TurnBudget();
  let went = 0;
  budget.spend(1000, 1_000_000);
  for (let i = 0; i < 100; i++) budget.hold({ goOn: () => void went++ });
  await turn();
  assert.equal(went, 100);
});
