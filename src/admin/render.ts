import { printable } from "../log/line.ts";
import type { Cell, Element, Row, TableElement } from "./element.ts";
import type { OutputFormat } from "./grammar.ts";

/** Where the answer of a command goes. Each call may wait until the reader has taken what came before. */
export interface Output {
  stdout(text: string): void | Promise<void>;
  stderr(text: string): void | Promise<void>;
}

export interface Style {
  readonly format: OutputFormat;
  /** Table heads are printed bold: only for a terminal. */
  readonly bold: boolean;
}

/** Rows whose widths decide how wide the columns of a human table are; further rows are printed as they come. */
const MEASURED_ROWS = 1000;

/** Text is gathered to pieces of about this size before it is handed on. */
const PIECE = 16 * 1024;

async function* inPieces(texts: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let piece = "";
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function cellLines(cell: Cell): string[] {
  return String(cell).split("\n").map(printable);
}

/** Columns a text takes on a terminal: wide and combining characters are rare here and counted as one. */
function width(text: string): number {
  return [...text].length;
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

async function* humanTable({ columns, rows }: TableElement, bold: boolean): AsyncGenerator<string> {
  const widths = columns.map(width);
  const line = (cells: readonly string[], style: (text: string) => string): string =>
    `|${cells.map((cell, index) => ` ${style(padded(cell, widths[index] ?? 0))} `).join("|")}|\n`;
  let border = "";
  const printRow = (cells: readonly (readonly string[])[]): string => {
    const height = Math.max(1, ...cells.map((lines) => lines.length));
    let text = "";
    for (let row = 0; row < height; row++)
      text += line(
        cells.map((lines) => lines[row] ?? ""),
        (cell) => cell,
      );
    return text + border;
  };
  const printHead = (): string => {
    border = `+${widths.map((columns) => "-".repeat(columns + 2)).join("+")}+\n`;
    const heads = columns.map((name, index) => {
      const filler = " ".repeat(Math.max(0, (widths[index] ?? 0) - width(name)));
      return ` ${bold ? `\u001b[1m${name}\u001b[0m` : name}${filler} `;
    });
    return `${border}|${heads.join("|")}|\n${border}`;
  };
  const waiting: string[][][] = [];
  let begun = false;
  for await (const row of rows) {
    const cells = columns.map((_, index) => cellLines(row[index]));
    if (begun) {
      yield printRow(cells);
      continue;
    }
    waiting.push(cells);
    cells.forEach((lines, index) => {
      widths[index] = Math.max(widths[index] ?? 0, ...lines.map(width));
    });
    if (waiting.length < MEASURED_ROWS) continue;
    begun = true;
    yield printHead();
    for (const cells of waiting) yield printRow(cells);
  }
  if (!begun && waiting.length > 0) {
    yield printHead();
    for (const cells of waiting) yield printRow(cells);
  }
}

function jsonRow(columns: readonly string[], row: Row): string {
  return JSON.stringify(
    Object.fromEntries(
      columns.map((column, index) => {
        const cell = row[index] ?? null;
        return [column, typeof cell === "string" ? cell.trim() : cell];
      }),
    ),
  );
}

async function* json(element: Element): AsyncGenerator<string> {
  if (element.type === "text") yield JSON.stringify({ type: "text", text: element.text });
  else if (element.type === "alert") {
    yield JSON.stringify({ type: "alert", alert: [{ type: "text", text: element.text }] });
  } else {
    yield '{"table":[';
    let comma = "";
    for await (const row of element.rows) {
      yield comma + jsonRow(element.columns, row);
      comma = ",";
    }
    yield '],"type":"table"}';
  }
}

function csvCell(cell: Cell): string {
  const text = String(cell);
  return /[\r\n",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* csvTable({ columns, rows }: TableElement): AsyncGenerator<string> {
  yield `${columns.map(csvCell).join(",")}\r\n`;
  for await (const row of rows) yield `${columns.map((_, index) => csvCell(row[index])).join(",")}\r\n`;
}

async function send(texts: AsyncIterable<string> | Iterable<string>, output: Output): Promise<void> {
  for await (const piece of inPieces(texts)) await output.stdout(piece);
}

/** Prints elements in the asked format, rows as they are pulled. */
export async function render(elements: readonly Element[], style: Style, output: Output): Promise<void> {
  if (style.format === "json") {
    const several = elements.length !== 1;
    if (several) await output.stdout("[");
    for (const [index, element] of elements.entries()) {
      if (index > 0) await output.stdout(",");
      await send(json(element), output);
    }
    await output.stdout(several ? "]\n" : "\n");
    return;
  }
  for (const element of elements) {
    if (element.type === "table") {
      await send(style.format === "csv" ? csvTable(element) : humanTable(element, style.bold), output);
    } else if (style.format === "human") await output.stdout(`${element.text}\n`);
    else if (element.type === "alert") await output.stderr(`${element.text}\n`);
  }
}
