/** Where something stands: a file and a line in it, or no file for what was set on a running node. */
export interface Place {
  readonly file: string;
  readonly line: number;
  /**
   * What wrote it when no file did, such as the name of an environment variable. `file` is then the one whose
   * directory relative paths start from, and `line` is 0.
   */
  readonly source?: string;
}

/** The place as it is named in messages. */
export function formatPlace({ file, line, source }: Place): string {
  return source ?? `${file}:${line}`;
}

/** Something wrong with a configuration, complete enough to mend it. */
export interface Problem {
  readonly place?: Place;
  readonly key?: string;
  /** The value as it was written; masked when the option is secret. */
  readonly value?: string;
  /** What is wrong: a phrase about the value when there is one, else a sentence about the key or the line. */
  readonly problem: string;
  /** What would be allowed. */
  readonly allowed?: string;
  /** Known keys that may have been meant. */
  readonly nearest?: readonly string[];
}

/** The problem as one line of text, with the place first. */
export function formatProblem(problem: Problem): string {
  const parts: string[] = [];
  if (problem.place !== undefined) parts.push(`${formatPlace(problem.place)}:`);
  if (problem.key !== undefined)
    parts.push(problem.value === undefined ? `${problem.key}:` : `${problem.key} =`);
  if (problem.value !== undefined) parts.push(problem.value === "" ? "'':" : `${problem.value}:`);
  parts.push(problem.problem);
  let text = parts.join(" ");
  if (problem.allowed !== undefined) text += `; allowed: ${problem.allowed}`;
  if (problem.nearest !== undefined && problem.nearest.length > 0) {
    text += `; did you mean ${problem.nearest.join(" or ")}?`;
  }
  return text;
}
