import type { Database } from "./database.ts";
import { keySequence, queueRange } from "./keys.ts";
import type { WantedRecords } from "./queue-records.ts";
import { readReferences, segmentsOf } from "./reference-record.ts";

/** At most so many reference values of a queue are read at once. */
const RECORDS = 512;

/** The last sequence number of a reference value and the segments it points to. */
interface LoadedRecord {
  readonly last: number;
  readonly segments: readonly number[];
}

/**
 * Reads which reference values queues have on disk, one queue after the other, on one view taken at once. `loaded` is
 * called once for each; with null when reading failed.
 */
export async function loadRecords(
  database: Database | null,
  wanted: readonly WantedRecords[],
  loaded: (queue: number, records: readonly LoadedRecord[] | null, ended: boolean) => void,
): Promise<void> {
  let snapshot: ReturnType<Database["snapshot"]> | null = null;
  try {
    snapshot = database === null ? null : database.snapshot();
  } catch {
    // The database is being closed.
  }
  for (const { queue, from } of wanted) {
    const records: LoadedRecord[] = [];
    let ended = true;
    try {
      if (snapshot === null) throw new Error("the database is not open");
      for await (const page of snapshot.scan(queueRange(queue, from), { pageEntries: RECORDS })) {
        for (const [key, value] of page) {
          // A damaged value is removed like the others; which segments it needed is found out at the next start.
          records.push({ last: keySequence(key), segments: segmentsOf(readReferences(value) ?? []) });
        }
        if (records.length >= RECORDS) {
          ended = false;
          break;
        }
      }
    } catch {
      loaded(queue, null, false);
      continue;
    }
    loaded(queue, records, ended);
  }
  await snapshot?.close().catch(() => undefined);
}
