import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Takes what readline would echo. */
function silence(): Writable {
  return new Writable({
    write(_chunk, _encoding, callback) {
      callback();
    },
  });
}

/**
 * Reads one line per prompt from standard input. On a terminal nothing that is typed is shown; elsewhere the lines
 * are read as they come (`printf 'secret\nsecret\n' | vmq-passwd ...`). Fewer lines than prompts: the rest is missing.
 */
export async function readSecrets(prompts: readonly string[]): Promise<string[]> {
  const terminal = process.stdin.isTTY;
  const reader = createInterface({ input: process.stdin, output: silence(), terminal });
  reader.on("SIGINT", () => process.exit(130));
  const secrets: string[] = [];
  try {
    const lines = reader[Symbol.asyncIterator]();
    for (const prompt of prompts) {
      process.stdout.write(prompt);
      const { done, value } = await lines.next();
      process.stdout.write("\n");
      if (done) break;
      secrets.push(value);
    }
  } finally {
    reader.close();
  }
  return secrets;
}
