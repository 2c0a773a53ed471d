import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

/**
 * How much of the memory that the process may use is used, in percent: of that of the machine or its container, or of
 * the runtime's heap, whichever is fuller.
 */
export function memoryUse(): number {
  const machine = totalmem();
  const constrained = process.constrainedMemory();
  const most = constrained > 0 && constrained < machine ? constrained : machine;
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return Math.max(process.memoryUsage.rss() / most, used / limit) * 100;
}
