/** The lines of a text without their ends, with their numbers from 1. */
export function* numberedLines(text: string): Generator<readonly [number: number, line: string]> {
  let number = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
    yield [number++, text.slice(start, end)];
    start = end + 1;
  }
  yield [number, text.slice(start)];
}
