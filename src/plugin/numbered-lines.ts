import { isUtf8 } from "node:buffer";

/** What editors of Windows put before the first line. */
const BYTE_ORDER_MARK = "\ufeff";

/** Ends a line in which something was no UTF-8: no text that was has it. */
const FOREIGN = "\ud800";

/** What is wrong with a line whose bytes were no UTF-8, or null. */
export function encodingProblem(line: string): string | null {
  return line.isWellFormed() ? null : "the line is not UTF-8";
}

/** The text of a file without a byte order mark; lines that are not UTF-8 are such that `encodingProblem` knows them. */
export function textOf(bytes: Buffer): string {
  const text = isUtf8(bytes) ? bytes.toString() : foreignText(bytes);
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
}

function foreignText(bytes: Buffer): string {
  const lines: string[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const found = bytes.indexOf("\n", start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    lines.push(isUtf8(line) ? line.toString() : `${line.toString()}${FOREIGN}`);
    start = end + 1;
  }
  return lines.join("\n");
}

/** The lines of a text without their ends and a byte order mark, with their numbers from 1. */
export function* numberedLines(text: string): Generator<readonly [number: number, line: string]> {
  let number = 1;
  let start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  for (let end = text.indexOf("\n", start); end !== -1; end = text.indexOf("\n", start)) {
    yield [number++, text.slice(start, end)];
    start = end + 1;
  }
  yield [number, text.slice(start)];
}
