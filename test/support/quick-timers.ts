import { setImmediate as turn } from "node:timers/promises";
import type { StoreTimers } from "../../src/store/timers.ts";

/** The store's timers in turns of the event loop; the time for its work in the background comes at once. */
export function quickTimers(): StoreTimers {
  let now = 0;
  return {
    now: () => {
      now += 10_000;
      return now;
    },
    immediate: (callback) => void setImmediate(callback),
    delay: async (milliseconds) => {
      // The end of patience when it is closed.
      if (milliseconds >= 10_000) await new Promise(() => undefined);
      for (let i = 0; i < 3; i++) await turn();
    },
  };
}
