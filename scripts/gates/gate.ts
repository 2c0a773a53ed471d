/** What a gate is: a rule about the whole checkout that must hold before a change goes in. */

export interface GateResult {
  /** How many files it saw; a gate that saw none has failed, whatever it found. */
  readonly files: number;
  /** What is wrong, one line each, with file and line where there is one. */
  readonly problems: readonly string[];
}

/** Judges the project in the folder `root`. */
export type Gate = (root: string) => GateResult | Promise<GateResult>;
