import type { Command, Flag } from "./command.ts";

function flagHead({ name, short, value }: Flag): string {
  const long = `--${name}${value === undefined ? "" : `=<${value}>`}`;
  return short === undefined ? long : `${long}, -${short}`;
}

/** A two-column list with the right column aligned. */
function aligned(lines: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...lines.map(([left]) => left.length));
  return lines.map(([left, right]) => `    ${left.padEnd(width + 3)} ${right}`.trimEnd());
}

/** The sub-commands one word below `path`, with the line that explains each. */
function subCommands(
  path: readonly string[],
  commands: Iterable<Command>,
  groups: ReadonlyMap<string, string>,
): [string, string][] {
  const found = new Map<string, string>();
  for (const command of commands) {
    const word = command.path[path.length];
    if (word === undefined || !path.every((part, index) => command.path[index] === part)) continue;
    const own = command.path.length === path.length + 1 ? command.summary : undefined;
    const group = groups.get([...path, word].join(" "));
    found.set(word, own ?? found.get(word) ?? group ?? "");
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The usage text of a command or of a group of commands. */
export function usage(
  path: readonly string[],
  command: Command | undefined,
  commands: Iterable<Command>,
  groups: ReadonlyMap<string, string>,
): string {
  const lines: string[] = [];
  const subs = subCommands(path, commands, groups);
  const head = ["vmq-admin", ...path];
  if (command === undefined) {
    head.push("<sub-command>");
    lines.push(`Usage: ${head.join(" ")}`, "");
    const group = groups.get(path.join(" "));
    if (group !== undefined) lines.push(`  ${group}`, "");
  } else {
    if (command.words !== undefined) head.push(command.words);
    for (const { name, value } of command.keys ?? []) head.push(`${name}=<${value}>`);
    if (command.anyKeys === true) head.push("<key>=<value>...");
    lines.push(`Usage: ${head.join(" ")}`, "", `  ${command.summary}`, "");
    for (const detail of command.details ?? []) lines.push(`  ${detail}`.trimEnd());
    if (command.details !== undefined) lines.push("");
    for (const flag of command.flags ?? []) lines.push(`  ${flagHead(flag)}`, `      ${flag.help}`);
    if (command.flags !== undefined && command.flags.length > 0) lines.push("");
  }
  if (subs.length > 0) lines.push("  Sub-commands:", ...aligned(subs), "");
  lines.push("  Every command takes --help and --format=human|json|csv.");
  return lines.join("\n");
}
