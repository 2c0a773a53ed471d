/*
 * The kernel gives process 1 of a container no signal for which it has no handler: one that comes while everything is
 * still loading would be lost, and the container would be killed after its time to stop.
 */

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

let received: NodeJS.Signals | undefined;

function remember(signal: NodeJS.Signals): void {
  received ??= signal;
}

/** From now on process 1 remembers that it was told to stop. */
export function rememberStop(pid: number = process.pid): void {
  if (pid === 1) for (const signal of SIGNALS) process.on(signal, remember);
}

/** The signal that has come since; from now on somebody else listens. */
export function rememberedStop(): NodeJS.Signals | undefined {
  for (const signal of SIGNALS) process.off(signal, remember);
  return received;
}
