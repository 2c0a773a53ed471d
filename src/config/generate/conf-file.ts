import { describeOption } from "../description.ts";
import type { Directories } from "../directories.ts";
import type { Option } from "../option.ts";
import { quoteValue } from "../reader/quote.ts";
import { areas } from "../schema/schema.ts";
import { wrap } from "../wrap.ts";

const WIDTH = 100;

const HEAD = `## vernemq.conf: the configuration of the broker.
##
## One line sets one option: key = value. What stands after a # is a comment; a value that has a # itself is
## written in single quotes. Of several lines for one key the last counts. Lines with a single # before a key
## are examples, or defaults.
##
## Relative paths that begin with etc, data, log, run, lib or share lie in that directory of the installation;
## others start at the directory of this file.
##
## All options: docs/configuration.md. Is this file right? vernemq chkconfig. What counts in the end?
## vernemq config effective.`;

function heading(title: string): string {
  const rule = "#".repeat(WIDTH);
  return `${rule}\n## ${title}\n${rule}`;
}

/** The key with examples for the free words of its pattern. */
function exampleKey(pattern: string, name: string): string {
  return pattern.replace("$topic_id", "1").replace(/\$\w+/g, name);
}

/** The lines of one option: what it does, what is allowed, and the setting. */
function entry(key: string, option: Option<unknown>): string {
  const lines = [...wrap(describeOption(option), "## ", WIDTH)];
  if (option.default !== undefined) lines.push(`## Default: ${quoteValue(option.default) ?? option.default}`);
  lines.push(...wrap(`Allowed: ${option.type.allowed}.`, "## ", WIDTH));
  if (option.shipped !== undefined) lines.push(...wrap(option.shipped.why, "## ", WIDTH));
  const value =
    option.shipped?.value ?? (option.visibility === "live" ? undefined : option.example) ?? option.default;
  const written = quoteValue(value ?? option.example ?? "") ?? "''";
  const live = option.visibility === "live" && (option.status?.kind ?? "works") === "works";
  lines.push(`${live ? "" : "# "}${exampleKey(key, option.shipped?.name ?? "name")} = ${written}`);
  return lines.join("\n");
}

/** Directories that a package has elsewhere than below the installation, by the word that paths in the schema have. */
export type PackagePlaces = Readonly<Partial<Record<keyof Directories, string>>>;

/**
 * The vernemq.conf that is shipped: what is visible by the schema, with its documentation as comments. For a package
 * paths in its places are written out.
 */
export function shippedConfFile(places: PackagePlaces = {}): string {
  const blocks = [HEAD];
  for (const { title, options } of areas) {
    const shown = Object.entries(options).filter(
      ([, option]) => (option.visibility ?? "hidden") !== "hidden" && option.status?.kind !== "accepted",
    );
    if (shown.length === 0) continue;
    blocks.push(heading(title), ...shown.map(([key, option]) => entry(key, option)));
  }
  blocks.push("## Further files, which go before the lines above.\ninclude conf.d/*.conf");
  const text = `${blocks.join("\n\n")}\n`;
  return text.replaceAll(
    /(?<=[ '])\.\/(data|log|etc|run|lib|share)(?=\/)/g,
    (path, name: keyof Directories) => places[name] ?? path,
  );
}
