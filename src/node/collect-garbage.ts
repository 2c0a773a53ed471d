import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => unknown) | null | undefined;

/**
 * Has the runtime free what nobody holds any more. It does that by itself when something new is to be kept, so a broker
 * that has little to do would seem to be full for as long as it has little to do. Blocks for some milliseconds, with a
 * large heap for some hundred.
 */
export function collectGarbage(): void {
  collect ??= findCollector();
  collect?.();
}

/** Null where the runtime does not give it. */
function findCollector(): (() => unknown) | null {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  return isCollector(found) ? found : null;
}

function isCollector(value: unknown): value is () => unknown {
  return typeof value === "function";
}
