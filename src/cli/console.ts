import { type ForegroundOptions, runForeground } from "./foreground.ts";
import { Prompt } from "./prompt.ts";

/** `vernemq console`: a node in the foreground with a prompt for admin commands. */
export function runConsole(options: Omit<ForegroundOptions, "writeLog" | "onServing">): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  let prompt: Prompt | undefined;
  return runForeground({
    ...options,
    writeLog: (text) => {
      if (prompt === undefined) options.stdout(text);
      else prompt.write(text);
    },
    onServing: (admin, name, stop) => {
      prompt = new Prompt(
        {
          execute: async (argv, output, signal) => {
            await admin.execute(argv, { output, signal, terminal });
          },
          complete: (words, begun) => Promise.resolve(admin.complete(words, begun)),
        },
        {
          input: process.stdin,
          output: process.stdout,
          terminal,
          name,
          closing: "closes the console and stops the node",
        },
      );
      prompt.closed.then(stop, stop);
      return () => prompt?.close();
    },
  });
}
