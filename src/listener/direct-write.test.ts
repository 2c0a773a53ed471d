import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { writeDirectly } from "./direct-write.ts";
import { plainPair, readAll, send } from "./handle-stream-test-support.ts";

describe("direct writes", () => {
  it("are what the pinned runtime allows, and are taken at once", async (context) => {
    const { near, far } = await plainPair(context);
    const stream = writeDirectly(near);
    assert.ok(stream !== null);
    near.write = () => assert.fail("written through the stream");
    for (const text of ["one ", "two ", "three"]) {
      send(stream, text);
      assert.equal(stream.writableLength, 0);
    }
    assert.equal((await readAll(far, 13)).toString(), "one two three");
  });

  it("are not made on a handle that is not as expected", () => {
    const socket = new Socket();
    for (const handle of [undefined, null, 5, {}, { writeBuffer: 1 }]) {
      Reflect.set(socket, "_handle", handle);
      assert.equal(writeDirectly(socket), null);
    }
    Reflect.set(socket, "_handle", null);
  });
});
