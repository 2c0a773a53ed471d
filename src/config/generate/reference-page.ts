import { describeOption } from "../description.ts";
import type { Option, OptionFacts } from "../option.ts";
import { quoteValue } from "../reader/quote.ts";
import type { Attribute } from "../schema/listener/attribute.ts";
import { listenerAttributes } from "../schema/listener/listener.ts";
import { areas } from "../schema/schema.ts";

const HEAD = `# Configuration reference

<!-- Generated from the schema in src/config/schema by src/config/generate.ts. -->

Every option that vernemq.conf may have. The column *Live* says whether \`vmq-admin set\` changes the option on a
running node; the change lasts until the node ends. Words with a \`$\` are free, for example the name of a listener.

## The file

- One line sets one option: \`key = value\`. Blanks around both do not matter. Of several lines for one key the last
  counts. Lines may end in LF or CRLF. The file is UTF-8.
- A key is words of letters, digits, \`_\` and \`-\` with dots between them; a dot within a word is written \`\\.\`.
- \`#\` begins a comment, at the beginning of a line and after a value.
- A value in single quotes keeps its blanks and may have a \`#\`; \`''\` is the empty value. A value within three
  single quotes may have several lines. Double quotes are ordinary characters.
- \`include PATH\` reads another file in this place. The path starts at the directory of the file; its last part may
  have \`*\`, and the files are read in the order of their names. A file that does not exist is passed over.
- \`$(KEY)\` within a value is replaced by the value of that key or, where there is no such key, of that environment
  variable. A value \`$(<PATH)\` is replaced by the content of a file, without its last line end; that keeps
  secrets out of vernemq.conf.
- A relative path that begins with \`etc\`, \`data\`, \`log\`, \`run\`, \`lib\` or \`share\` lies in that directory of the
  installation (\`./etc/vmq.acl\`); any other starts at the directory of vernemq.conf.
- A key that does not exist and a value that is not allowed keep the broker from starting. All errors are reported
  together.

Types: a *flag* is \`on\` or \`off\`; a *bytesize* is a number of bytes with an optional \`KB\`, \`MB\` or \`GB\` (powers of
1024); a *duration* is a sum such as \`1h30m\`; a *period* is a whole number and one of \`s\`, \`h\`, \`d\`, \`w\`, \`m\` (four
weeks) or \`y\` (48 weeks); a *list* is \`a,b\` or \`[a, b]\`; an *ip* is an IPv4 or IPv6 address, a colon and a port.`;

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string | undefined): string {
  return text === undefined ? "" : `\`${quoteValue(text) ?? text}\``;
}

function meaning(option: OptionFacts & Pick<Option<unknown>, "type">): string {
  const allowed = option.type.name === "enumeration" ? [` One of: ${option.type.allowed}.`] : [];
  const shipped =
    option.shipped === undefined ? [] : [` Shipped: ${code(option.shipped.value)}. ${option.shipped.why}`];
  return cell([describeOption(option), ...allowed, ...shipped].join(""));
}

function optionTable(options: readonly (readonly [string, Option<unknown>])[]): string {
  const rows = options.map(
    ([key, option]) =>
      `| \`${key}\` | ${option.type.name} | ${code(option.default)} | ${option.runtime ? "yes" : ""} | ${meaning(option)} |`,
  );
  return ["| Option | Type | Default | Live | Meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}

function attributeTable(): string {
  const rows = Object.entries<Attribute<unknown>>(listenerAttributes).map(([name, attribute]) => {
    const kinds = (list: readonly string[]) => list.join(", ");
    return `| \`${name}\` | ${attribute.global ? "yes" : ""} | ${kinds(attribute.protocol)} | ${kinds(attribute.named)} | ${attribute.type.name} | ${code(attribute.default)} | ${meaning(attribute)} |`;
  });
  return [
    "Each option below may be set as `listener.OPTION` where the second column says yes, as `listener.KIND.OPTION` for the kinds in the third, and as `listener.KIND.NAME.OPTION` for those in the fourth.",
    "",
    "| Option | All | Kinds | Listeners | Type | Default | Meaning |",
    "|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** Is the option one of those that the table of attributes has? */
function isAttribute(key: string): boolean {
  const match = /^listener\.(?:\w+\.(?:\$name\.)?)?(\w+)$/.exec(key);
  return match?.[1] !== undefined && Object.hasOwn(listenerAttributes, match[1]);
}

/** The reference page, docs/configuration.md. */
export function referencePage(): string {
  const sections = areas.flatMap(({ title, intro, options }) => {
    const rows = Object.entries(options).filter(([key]) => !isAttribute(key));
    const table = optionTable(rows);
    const text = rows.length === Object.keys(options).length ? [table] : [table, attributeTable()];
    return [`## ${title}`, intro, ...text];
  });
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}
