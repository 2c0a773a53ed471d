import assert from "node:assert/strict";
import { test } from "node:test";
import { fakePorts } from "./admin-test-support.ts";
import { splitWords } from "./grammar.ts";
import { aboutLacking } from "./lacking-commands.ts";
import { createAdmin } from "./node-admin.ts";

test("commands of VerneMQ that are not in this version say so, before the usage, with status 1", async () => {
  for (const [line, begin, group] of [
    ["trace client client-id=a", "vmq-admin trace is not in this version: a later", ""],
    ["api-key create scope=mgmt", "vmq-admin api-key is not in this version: API keys", ""],
    [
      "session disconnect batch count=2",
      "vmq-admin session disconnect batch is not in",
      " session disconnect",
    ],
    ["retain delete --topic=a", "vmq-admin retain delete is not in this version: a later", " retain"],
    ["session disconnect words", "Usage: vmq-admin session disconnect ", " session disconnect"],
  ] as const) {
    let stdout = "";
    const status = await createAdmin(fakePorts()).execute(splitWords(line), {
      terminal: false,
      signal: new AbortController().signal,
      output: {
        stdout: (text) => {
          stdout += text;
        },
        stderr: assert.fail,
      },
    });
    assert.equal(status, 1, line);
    assert.ok(stdout.startsWith(begin), stdout);
    assert.match(stdout, new RegExp(`^Usage: vmq-admin${group} `, "m"), line);
  }
});

test("no command that is there counts as lacking", () => {
  for (const { path } of createAdmin(fakePorts()).commands()) assert.equal(aboutLacking(path), undefined);
});
