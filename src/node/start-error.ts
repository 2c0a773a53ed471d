/** The node cannot start for a reason that its user can mend; the lines are for standard error. */
export class StartError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "StartError";
    this.lines = lines;
  }
}
