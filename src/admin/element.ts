/** One value of a table; null and undefined print as those words and are null in JSON. */
export type Cell = string | number | boolean | null | undefined;

export type Row = readonly Cell[];

export interface TextElement {
  readonly type: "text";
  readonly text: string;
}

export interface TableElement {
  readonly type: "table";
  readonly columns: readonly string[];
  /** Pulled row by row while the table is printed. */
  readonly rows: Iterable<Row> | AsyncIterable<Row>;
}

/** Says why a command did not do what was asked. */
export interface AlertElement {
  readonly type: "alert";
  readonly text: string;
}

/** What a command answers with. */
export type Element = TextElement | TableElement | AlertElement;

export function text(content: string): TextElement {
  return { type: "text", text: content };
}

export function alert(content: string): AlertElement {
  return { type: "alert", text: content };
}

export function table(columns: readonly string[], rows: TableElement["rows"]): TableElement {
  return { type: "table", columns, rows };
}
