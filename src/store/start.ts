import type { Database, Snapshot } from "./database.ts";
import { type Counters, readCounters } from "./format.ts";
import {
  COUNTERS_KEY,
  HEAD_RANGE,
  type KeyRange,
  keyNumber,
  REFERENCES_RANGE,
  SEGMENT_RANGE,
} from "./keys.ts";

/** Added to the highest number found when the record of numbers given is lost. */
const SAFETY_GAP = 1_000_000;

async function lastNumber(snapshot: Snapshot, range: KeyRange): Promise<number> {
  for await (const page of snapshot.scan(range, { reverse: true, pageEntries: 1 })) {
    const entry = page[0];
    return entry === undefined ? 0 : keyNumber(entry[0]);
  }
  return 0;
}

/** The numbers to go on with, and whether there is data of earlier runs. */
export async function readStart(database: Database): Promise<{ counters: Counters; old: boolean }> {
  const snapshot = database.snapshot();
  try {
    const [value] = await snapshot.get([COUNTERS_KEY]);
    const saved = value instanceof Buffer ? readCounters(value) : null;
    const head = await lastNumber(snapshot, HEAD_RANGE);
    const references = await lastNumber(snapshot, REFERENCES_RANGE);
    const segment = await lastNumber(snapshot, SEGMENT_RANGE);
    const old = head + references + segment > 0;
    const gap = saved === null && (old || value !== undefined) ? SAFETY_GAP : 0;
    return {
      counters: {
        nextQueue: Math.max(saved?.nextQueue ?? 1, Math.max(head, references) + 1 + gap),
        nextSegment: Math.max(saved?.nextSegment ?? 1, segment + 1 + gap),
      },
      old,
    };
  } finally {
    await snapshot.close();
  }
}
