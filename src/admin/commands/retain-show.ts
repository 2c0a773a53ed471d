import { setImmediate as nextTurn } from "node:timers/promises";
import type { Command, Invocation } from "../command.ts";
import { type Element, type Row, table } from "../element.ts";
import type { RetainedDirectory, RetainedInfo } from "../ports.ts";
import {
  type Field,
  type FieldQuery,
  fieldQuery,
  isCount,
  limited,
  Pace,
  payloadText,
} from "./field-query.ts";

const FIELDS: ReadonlyMap<string, Field<RetainedInfo>> = new Map([
  ["mountpoint", { read: ({ mountpoint }: RetainedInfo) => mountpoint }],
  ["payload", { read: ({ payload }: RetainedInfo) => payloadText(payload) }],
  ["topic", { read: ({ topic }: RetainedInfo) => topic }],
]);

const ALL: ReadonlySet<string> = new Set(FIELDS.keys());
/** The topic filter is matched by the store. */
const FILTERED_HERE: ReadonlySet<string> = new Set(["mountpoint", "payload"]);

async function* rows(
  directory: RetainedDirectory,
  query: FieldQuery<RetainedInfo>,
  { signal }: Invocation,
): AsyncGenerator<Row> {
  const filter = query.equal("topic");
  const pace = new Pace();

  async function* retained(): AsyncGenerator<RetainedInfo> {
    for await (const message of directory.retained(filter)) {
      if (pace.due()) await nextTurn();
      if (signal.aborted) return;
      if (query.matches(message, filter === undefined ? ALL : FILTERED_HERE)) yield message;
    }
  }

  try {
    for await (const message of query.matching(retained(), ALL)) {
      yield query.read.map((field) => field(message));
    }
  } finally {
    query.close();
  }
}

/** `retain show`. */
export function retainShow(directory: RetainedDirectory): Command {
  return {
    path: ["retain", "show"],
    summary: "Shows the retained messages of this node.",
    details: [
      "--payload, --topic, --mountpoint show a field; with a value they show only rows that have it (=~REGEX: that",
      "match). --topic=FILTER takes a topic or an MQTT filter with wildcards. Shown by default: payload, topic.",
    ],
    flags: [
      {
        name: "limit",
        value: "number",
        help: "at most so many rows, 100 without this flag",
        accepts: isCount,
      },
      { name: "rowtimeout", value: "milliseconds", help: "accepted for compatibility", accepts: isCount },
    ],
    unknownFlag: (name) => (FIELDS.has(name) ? undefined : `Invalid key: "${name}"`),
    offers: () => [...FIELDS.keys()].map((name) => `--${name}`),
    run: (invocation): Element[] => {
      const query = fieldQuery(FIELDS, invocation.repeated, ["payload", "topic"]);
      const limit = Number(invocation.flags.get("limit") ?? 100);
      return [table(query.columns, limited(rows(directory, query, invocation), limit))];
    },
  };
}
