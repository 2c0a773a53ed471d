import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { closeInTurn } from "./closings.ts";
import { acceptedPair, send } from "./handle-stream-test-support.ts";
import { startListener, until } from "./listener-test-support.ts";

test("thousands of connections are closed some hundred in each turn, in their order", async () => {
  const closed: number[] = [];
  for (let i = 0; i < 4_000; i++) closeInTurn(() => closed.push(i), 4);
  let before = 0;
  for (let turns = 0; closed.length < 4_000; turns++) {
    assert.ok(turns < 100, "it does not come to an end");
    assert.ok(closed.length > before && closed.length - before <= 130, `${closed.length - before} in a turn`);
    before = closed.length;
    await nextTurn();
  }
  assert.deepEqual(
    closed,
    closed.toSorted((a, b) => a - b),
  );
});

for (const ending of ["end", "resetAndDestroy"] as const) {
  test(`a connection whose turn to be closed has not come (${ending}): its receiver knows, nothing is sent`, async (context) => {
    const { stream, handle, far } = await acceptedPair(context);
    const heard: string[] = [];
    let closedInTime = false;
    const writes: unknown[] = [];
    stream.deliverTo({
      received: () => heard.push("received"),
      drained: () => heard.push("drained"),
      failed: () => heard.push("failed"),
      leaving: () => {
        heard.push("leaving");
        // Others have used up this turn.
        closeInTurn(() => undefined, 100_000);
        setImmediate(() => {
          closedInTime = heard.includes("closed");
          handle.writeBuffer = (...given) => writes.push(given);
          send(stream, "late");
          stream.pause();
          stream.resume();
        });
      },
      closed: () => heard.push("closed"),
    });
    stream.resume();
    far[ending]();
    await until("closed", () => heard.includes("closed"));
    assert.deepEqual(heard, ending === "end" ? ["leaving", "closed"] : ["failed", "leaving", "closed"]);
    assert.equal(closedInTime, false);
    assert.deepEqual(writes, []);
  });
}

test("a connection whose other end has gone does not count any more, while it waits to be closed", async (context) => {
  const { client, listener, guard } = await startListener(context);
  const { socket, session } = await client();
  let counted = -1;
  let closes = -1;
  session.onLeaving = () => {
    closeInTurn(() => undefined, 100_000);
    setImmediate(() => {
      counted = listener.active + guard.connections;
      closes = session.closes.length;
    });
  };
  socket.destroy();
  await until("close", () => session.closes.length === 1);
  assert.deepEqual([counted, closes], [0, 0]);
  assert.equal(session.connection.writable, false);
  assert.deepEqual([listener.active, guard.connections], [0, 0]);
});
