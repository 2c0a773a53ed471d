import { setImmediate as nextTurn } from "node:timers/promises";
import { STEPS_PER_TURN } from "./long-works.ts";

/** Does a work whose every `next` is a small step, a bounded number of them in each turn of the event loop. */
export async function inTurns<Result>(work: Iterator<unknown, Result>): Promise<Result> {
  for (;;) {
    for (let step = 0; step < STEPS_PER_TURN; step++) {
      const next = work.next();
      if (next.done === true) return next.value;
    }
    await nextTurn();
  }
}

/** Does such a work to its end, where nobody has to be served meanwhile. */
export function atOnce<Result>(work: Iterator<unknown, Result>): Result {
  for (;;) {
    const next = work.next();
    if (next.done === true) return next.value;
  }
}
