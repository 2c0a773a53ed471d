/** Time as the store sees it, so that tests can move it. */
export interface StoreTimers {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls back at the end of this turn of the event loop. */
  immediate(callback: () => void): void;
  /** Resolves after that many milliseconds; with `background` it does not keep the process alive. */
  delay(milliseconds: number, background: boolean): Promise<void>;
}

export const systemTimers: StoreTimers = {
  now: () => Date.now(),
  immediate: (callback) => void setImmediate(callback),
  delay: (milliseconds, background) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      if (background) timer.unref();
    }),
};
