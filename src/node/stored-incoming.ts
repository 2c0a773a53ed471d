import type { Logger } from "../log/logger.ts";
import { decodeIncomingPage, type IncomingPage } from "../queue/incoming-pages.ts";
import type { MessageStore } from "../store/participant.ts";

/** Incoming packet ids that are stored beside the heads, by queue. */
export async function loadIncoming(store: MessageStore, log: Logger): Promise<Map<number, IncomingPage[]>> {
  const queues = new Map<number, IncomingPage[]>();
  for await (const records of store.records("incoming")) {
    for (const { key, value } of records) {
      const decoded = decodeIncomingPage(key, value);
      if (decoded === undefined) {
        log.error("store", `incoming packet ids under ${JSON.stringify(key)} are not readable`);
        continue;
      }
      const pages = queues.get(decoded.queue);
      if (pages === undefined) queues.set(decoded.queue, [decoded.page]);
      else pages.push(decoded.page);
    }
  }
  return queues;
}
