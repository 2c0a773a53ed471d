import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { fakePorts } from "../admin/admin-test-support.ts";
import { createAdmin } from "../admin/node-admin.ts";
import { Prompt } from "./prompt.ts";

function open(terminal: boolean): { input: PassThrough; prompt: Prompt; text: () => string } {
  const input = new PassThrough();
  const output = new PassThrough();
  let text = "";
  output.on("data", (chunk) => {
    text += String(chunk);
  });
  const admin = createAdmin(fakePorts());
  const prompt = new Prompt(
    {
      execute: async (argv, out, signal) => {
        await admin.execute(argv, { output: out, signal, terminal: false });
      },
      complete: (words, begun) => Promise.resolve(admin.complete(words, begun)),
    },
    { input, output, terminal, name: "node", closing: "leaves" },
  );
  return { input, prompt, text: () => text };
}

describe("the prompt", () => {
  for (const word of [".exit", "q().", "q()", "exit", "quit"]) {
    it(`closes on ${word} and runs nothing behind it`, async () => {
      const { input, prompt, text } = open(false);
      input.write(`metrics reset\n${word}\nmetrics reset\n`);
      await prompt.closed;
      assert.equal(text(), "Done\n");
    });
  }

  it("closes at the end of its input after the last line has run", async () => {
    const { input, prompt, text } = open(false);
    input.end("vmq-admin metrics reset\n\nsession disconnect client-id='a b'");
    await prompt.closed;
    assert.equal(text(), "Done\nDone\n");
  });

  it("closes when it is told to", async () => {
    const { prompt } = open(false);
    prompt.close();
    await prompt.closed;
  });

  it("helps", async () => {
    const { input, prompt, text } = open(false);
    input.end("help\n");
    await prompt.closed;
    assert.match(text(), /\.exit, Ctrl-D or q\(\)\. leaves\./);
  });

  it("closes on Ctrl-D and completes with tab at a terminal", async () => {
    const { input, prompt, text } = open(true);
    input.write("metr\t");
    input.write("re\t");
    // Completion answers in its own time: the line is sent when it stands complete.
    while (!text().includes("metrics reset ")) await new Promise((resolve) => setImmediate(resolve));
    input.write("\r");
    while (!text().includes("Done")) await new Promise((resolve) => setImmediate(resolve));
    input.write("\u0004");
    await prompt.closed;
  });

  it("prints log lines above what is being typed", async () => {
    const { input, prompt, text } = open(true);
    input.write("metr");
    prompt.write("a log line\n");
    assert.match(text(), /a log line\n.*node> metr/s);
    prompt.close();
    await prompt.closed;
  });
});
