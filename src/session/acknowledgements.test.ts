import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AcknowledgementType } from "../mqtt/packet.ts";
import { Acknowledgements } from "./acknowledgements.ts";

/** Writes down what is acknowledged. */
function recorder(): { readonly acknowledgements: Acknowledgements; readonly written: string[] } {
  const written: string[] = [];
  const acknowledgements = new Acknowledgements({
    writeAcknowledgement: (type, packetId, reasonCode) =>
      void written.push(`${type} ${packetId} ${reasonCode}`),
  });
  return { acknowledgements, written };
}

test("what waits for nothing leaves at once, what waits holds back those behind it", () => {
  const { acknowledgements, written } = recorder();
  acknowledgements.push(4, 1, 0, 0);
  assert.deepEqual(written.splice(0), ["4 1 0"]);
  const ticket = acknowledgements.nextTicket;
  acknowledgements.push(5, 2, 0x10, 2);
  acknowledgements.push(4, 3, 0x87, 0);
  acknowledgements.push(7, 4, 0x92, 1);
  assert.equal(acknowledgements.length, 3);
  acknowledgements.settled(ticket);
  acknowledgements.settled(ticket + 2);
  assert.deepEqual(written, []);
  acknowledgements.settled(ticket);
  assert.deepEqual(written, ["5 2 16", "4 3 135", "7 4 146"]);
  assert.equal(acknowledgements.length, 0);
});

test("after `clear` nothing is owed, and settlements of before are ignored", () => {
  const { acknowledgements, written } = recorder();
  const old = acknowledgements.nextTicket;
  acknowledgements.push(4, 1, 0, 1);
  acknowledgements.push(4, 2, 0, 0);
  acknowledgements.clear();
  acknowledgements.settled(old);
  assert.deepEqual([written, acknowledgements.length], [[], 0]);
  const next = acknowledgements.nextTicket;
  acknowledgements.push(4, 3, 0, 1);
  acknowledgements.settled(old);
  acknowledgements.settled(next + 1);
  assert.deepEqual(written, []);
  acknowledgements.settled(next);
  assert.deepEqual(written, ["4 3 0"]);
});

test("a settlement while one is being written goes on after it", () => {
  const written: number[] = [];
  const acknowledgements = new Acknowledgements({
    writeAcknowledgement: (_type, packetId) => {
      written.push(packetId);
      if (packetId === 1) acknowledgements.settled(second);
    },
  });
  const first = acknowledgements.nextTicket;
  acknowledgements.push(4, 1, 0, 1);
  const second = acknowledgements.nextTicket;
  acknowledgements.push(4, 2, 0, 1);
  acknowledgements.push(4, 3, 0, 0);
  acknowledgements.settled(first);
  assert.deepEqual(written, [1, 2, 3]);
});

test("acknowledgements leave in the order of the publishes, each once, as soon as all before it are settled", () => {
  const types: AcknowledgementType[] = [4, 5, 6, 7];
  const push = fc.record({
    kind: fc.constant("push" as const),
    type: fc.constantFrom(...types),
    reasonCode: fc.nat({ max: 255 }),
    pending: fc.nat({ max: 2 }),
  });
  const settle = fc.record({ kind: fc.constant("settle" as const), choice: fc.nat() });
  const clear = fc.record({ kind: fc.constant("clear" as const) });
  const step = fc.oneof(
    { weight: 6, arbitrary: push },
    { weight: 8, arbitrary: settle },
    { weight: 1, arbitrary: clear },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const { acknowledgements, written } = recorder();
      const expected: string[] = [];
      let open: { readonly ticket: number; readonly text: string; pending: number }[] = [];
      let packetId = 0;
      for (const each of steps) {
        if (each.kind === "push") {
          packetId = (packetId % 65_535) + 1;
          const ticket = acknowledgements.nextTicket;
          const text = `${each.type} ${packetId} ${each.reasonCode}`;
          open.push({ ticket, text, pending: each.pending });
          acknowledgements.push(each.type, packetId, each.reasonCode, each.pending);
        } else if (each.kind === "settle") {
          const waiting = open.filter(({ pending }) => pending > 0);
          const chosen = waiting[each.choice % Math.max(1, waiting.length)];
          if (chosen === undefined) continue;
          chosen.pending--;
          acknowledgements.settled(chosen.ticket);
        } else {
          acknowledgements.clear();
          open = [];
        }
        while (open[0]?.pending === 0) expected.push(open.shift()?.text ?? "");
        assert.deepEqual(written, expected);
        assert.equal(acknowledgements.length, open.length);
      }
    }),
    { numRuns: 300 },
  );
});
