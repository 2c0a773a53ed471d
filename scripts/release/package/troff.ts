/** Text in the language of man pages. */

/** Text that stands for itself, whatever it holds. */
export function literal(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll(/^([.])/gm, "\\&$1");
}

/** A sentence in which what stands between grave accents is set in bold. */
export function prose(text: string): string {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 0 ? literal(part) : `\\fB${literal(part)}\\fR`))
    .join("");
}

/** A tagged paragraph: the tag in bold, what it means below. */
export function tagged(tag: string, ...meaning: readonly string[]): string {
  const [first = "", ...more] = meaning;
  return [
    ".TP",
    `\\fB${literal(tag)}\\fR`,
    prose(first),
    ...more.flatMap((text) => [".IP", prose(text)]),
  ].join("\n");
}

export interface Page {
  readonly name: string;
  readonly section: number;
  /** What it is, for the line of NAME. */
  readonly summary: string;
  readonly version: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** Titles and their text, in troff. */
  readonly sections: readonly (readonly [title: string, text: string])[];
}

export function manPage({ name, section, summary, version, date, sections }: Page): string {
  const head = `.TH ${name.toUpperCase()} ${section} "${date}" "VerneMQ ${version}" "VerneMQ"`;
  const first = [".SH NAME", `${literal(name)} \\- ${prose(summary)}`];
  const rest = sections.flatMap(([title, text]) => [`.SH ${title}`, text]);
  return `${[head, ".nh", ".ad l", ...first, ...rest].join("\n")}\n`;
}
