/** What editors of Windows put before the first line. */
const BYTE_ORDER_MARK = "\ufeff";

/** The character that stands in a text for bytes that were no UTF-8. */
const REPLACEMENT = "\ufffd";

/** What is wrong with a line whose bytes were no UTF-8, or null. */
export function encodingProblem(line: string): string | null {
  return line.includes(REPLACEMENT) ? "the line is not UTF-8" : null;
}

/** The text without a byte order mark. */
export function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
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
