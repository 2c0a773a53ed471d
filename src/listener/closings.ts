import { LongWorks, oneStep } from "../clock/long-works.ts";

const closings = new LongWorks((error) =>
  process.nextTick(() => {
    throw error;
  }),
);

/** What a socket of the runtime is more than a bare handle. */
export const SOCKET_STEPS = 4;

/**
 * Closes a connection whose other end has gone: at once, or when thousands have gone in the same moment (a network, a
 * proxy), after those before it, some hundred in each turn of the event loop. For the kernel closing is by far the
 * most of a connection's end. `steps`: so many times the work that it is for a bare handle.
 */
export function closeInTurn(close: () => void, steps: number): void {
  closings.start(
    oneStep(() => {
      closings.spend(steps - 1);
      close();
    }),
  );
}
