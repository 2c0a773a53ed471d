import assert from "node:assert/strict";
import { test } from "node:test";
import { developmentNotice } from "./development-notice.ts";
import { installation } from "./installation.ts";
import { places } from "./places.ts";

test("the command of the notice can be copied, whatever the path of the checkout", () => {
  for (const [run, word] of [
    ["/src/vernemq/.dev/run", "/src/vernemq/.dev/run"],
    ["/src/it's mine/run", "'/src/it'\\''s mine/run'"],
  ] as const) {
    const notice = developmentNotice([], places({ runDir: run }, {}, installation("/")));
    assert.ok(notice.includes(`scripts/vmq-admin --run-dir ${word} session show`), notice);
  }
});
