import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { after, describe, it } from "node:test";
import { createSecureContext } from "node:tls";
import { Authority } from "../../test/support/certificates.ts";
import { removeDirectory, temporaryDirectory } from "../../test/support/processes.ts";
import { readAll, securePair, send } from "./handle-stream-test-support.ts";
import { until } from "./listener-test-support.ts";
import { writeInTurn } from "./write-in-turn.ts";

const directory = temporaryDirectory();
const { cert, key } = Authority.root(directory, "Root").issue("localhost", { for: "server" });
const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
after(() => removeDirectory(directory));

describe("writes in turn", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`are what the pinned runtime allows; each waits for the one before (${version})`, async (context) => {
      const { near, far } = await securePair(context, secureContext, version);
      const stream = writeInTurn(near);
      assert.ok(stream !== null);
      near.write = () => assert.fail("written through the stream");
      let drains = 0;
      near.on("drain", () => drains++);
      for (let i = 0; i < 100; i++) send(stream, `${i} `);
      assert.deepEqual([drains, stream.writableLength], [0, 290]);
      const all = Array.from({ length: 100 }, (_, i) => i);
      assert.equal((await readAll(far, 290)).toString(), `${all.join(" ")} `);
      await until("all done", () => stream.writableLength === 0);
      assert.equal(drains, 1);
    });
  }

  it("are not made on a handle that is not as expected", () => {
    const socket = new Socket();
    const writeBuffer = () => 0;
    for (const handle of [undefined, null, 5, {}, { writeBuffer }, { writeBuffer, writev: 1 }]) {
      Reflect.set(socket, "_handle", handle);
      assert.equal(writeInTurn(socket), null);
    }
    Reflect.set(socket, "_handle", null);
  });

  it("meet the end of the peer without harm", async (context) => {
    for (let round = 0; round < 20; round++) {
      const { near, far } = await securePair(context, secureContext);
      const stream = writeInTurn(near);
      assert.ok(stream !== null);
      near.resume();
      for (let i = 0; i < round; i++) send(stream, Buffer.alloc(64 * 1024));
      far.end();
      const timer = setInterval(() => send(stream, "more"), 1);
      far.resume();
      await until("closed", () => near.destroyed);
      clearInterval(timer);
    }
  });
});
