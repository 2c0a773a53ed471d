import { describeOption } from "../description.ts";
import type { Option } from "../option.ts";
import { areas } from "../schema/schema.ts";

/** One option, for programs that make or check a vernemq.conf. */
interface SchemaEntry {
  /** The key; words with a `$` are free. */
  readonly key: string;
  readonly area: string;
  readonly type: string;
  /** What a value may be, in words. */
  readonly allowed: string;
  /** As it is written in the file; null when there is none. */
  readonly default: string | null;
  /** The value of the shipped vernemq.conf where it is another. */
  readonly shipped?: string;
  /** Does `vmq-admin set` change it on a running node? */
  readonly live: boolean;
  /** Are its values masked wherever they are shown? */
  readonly secret: boolean;
  readonly status: "works" | "later" | "accepted";
  readonly description: string;
}

function entry(key: string, area: string, option: Option<unknown>): SchemaEntry {
  return {
    key,
    area,
    type: option.type.name,
    allowed: option.type.allowed,
    default: option.default ?? null,
    ...(option.shipped && { shipped: option.shipped.value }),
    live: option.runtime ?? false,
    secret: option.secret ?? false,
    status: option.status?.kind ?? "works",
    description: describeOption(option),
  };
}

/** All options as JSON: share/schema/vernemq.json of an installation. */
export function schemaFile(version: string): string {
  const options = areas.flatMap(({ title, options: ofArea }) =>
    Object.entries(ofArea).map(([key, option]) => entry(key, title, option)),
  );
  return `${JSON.stringify({ version, options }, undefined, 2)}\n`;
}
