import { totalmem } from "node:os";
import { isSea } from "node:sea";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";

const MIB = 1024 * 1024;
/** The largest half of the young generation where no flag says another, bytes. */
const USUAL_SEMI_SPACE = 64 * MIB;
/** Parts of the young generation in the limit of the heap: two halves, and one for large objects. */
const YOUNG_PARTS = 3;

/**
 * How much of the heap's limit is kept for young objects, bytes. They cannot use up the heap, nor can old ones use their
 * part: the runtime ends the process when the rest is full.
 */
export function youngReserve(flags: readonly string[], limit: number): number {
  const sizes = flags.map((flag) => /^--max[-_]semi[-_]space[-_]size=(\d+)$/.exec(flag)?.[1]);
  const given = sizes.findLast((size) => size !== undefined);
  const semiSpace = given === undefined ? USUAL_SEMI_SPACE : Number(given) * MIB;
  return Math.min(YOUNG_PARTS * semiSpace, limit * 0.75);
}

const heapLimit = getHeapStatistics().heap_size_limit;
/** The executable does not heed the variable. */
const environmentFlags = isSea() ? [] : (process.env.NODE_OPTIONS ?? "").split(/\s+/);
const runtimeFlags = [...environmentFlags, ...process.execArgv];
const oldLimit = heapLimit - youngReserve(runtimeFlags, heapLimit);

/**
 * How much of the memory that the process may use is used, in percent: of that of the machine or its container, or of
 * the runtime's heap for what lives long, whichever is fuller.
 */
export function memoryUse(): number {
  const machine = totalmem();
  const constrained = process.constrainedMemory();
  const most = constrained > 0 && constrained < machine ? constrained : machine;
  let old = 0;
  for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics())
    if (!name.startsWith("new_")) old += used;
  return Math.max(process.memoryUsage.rss() / most, old / oldLimit) * 100;
}
