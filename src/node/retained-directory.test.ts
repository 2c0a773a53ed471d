import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RetainedDirectory as Port } from "../admin/ports.ts";
import { testNode } from "./node-test-support.ts";
import { retainedDirectory } from "./retained-directory.ts";

describe("retainedDirectory", () => {
  it("shows all retained messages, or those that a filter matches", async (context) => {
    const { parts, publish } = await testNode(context, "", []);
    const directory: Port = retainedDirectory(parts);
    publish("a/b", "1", 0, "", true);
    publish("a/c", "2", 1, "", true);
    publish("$SYS/x", "3", 0, "", true);
    publish("a/b", "4", 0, "m", true);
    publish("a/d", "not retained");
    for (let i = 0; i < 10_000; i++) publish(`many/${i}`, "m", 0, "", true);
    const shown = async (filter: string | undefined): Promise<string[]> => {
      const list: string[] = [];
      for await (const { mountpoint, topic, payload } of directory.retained(filter)) {
        if (!topic.startsWith("many/"))
          list.push(`${mountpoint}:${topic}=${Buffer.from(payload).toString()}`);
      }
      return list.sort();
    };
    assert.deepEqual(await shown(undefined), [":$SYS/x=3", ":a/b=1", ":a/c=2", "m:a/b=4"]);
    assert.deepEqual(await shown("a/b"), [":a/b=1", "m:a/b=4"]);
    assert.deepEqual(await shown("+/c"), [":a/c=2"]);
    assert.deepEqual(await shown("#"), [":a/b=1", ":a/c=2", "m:a/b=4"]);
    for (const bad of ["a/#/b", "", "$share/g/a/b", "$share/g"]) assert.deepEqual(await shown(bad), []);
  });
});
