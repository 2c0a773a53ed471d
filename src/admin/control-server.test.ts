import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fakePorts, fakeSession } from "./admin-test-support.ts";
import { askInfo, NotRespondingError, NotRunningError, request } from "./control-client.ts";
import {
  type ControlFrame,
  type ControlRequest,
  controlPath,
  MAX_REQUEST_BYTES,
} from "./control-protocol.ts";
import { AlreadyRunningError, ControlServer, type ServingNode } from "./control-server.ts";
import { createAdmin } from "./node-admin.ts";
import type { SessionInfo } from "./ports.ts";

describe("the control socket", () => {
  let directory = "";
  const servers: ControlServer[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-control-"));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(
    runDirectory = join(directory, "run"),
    onStop = (): void => {},
  ): Promise<ControlServer> {
    const server = await ControlServer.open({
      runDirectory,
      node: "VerneMQ@127.0.0.1",
      version: "0.1.0",
      onStop,
    });
    servers.push(server);
    return server;
  }

  async function answer(
    message: ControlRequest,
    runDirectory = join(directory, "run"),
  ): Promise<ControlFrame[]> {
    const frames: ControlFrame[] = [];
    for await (const frame of request(runDirectory, message)) frames.push(frame);
    return frames;
  }

  function serving(name: string): ServingNode {
    const reload: ServingNode["reload"] = async (output) => {
      await output.stderr("read again\n");
      return 1;
    };
    return { name, admin: createAdmin(fakePorts()), reload };
  }

  function admin(...argv: string[]): ControlRequest {
    return { request: "admin", argv, terminal: false };
  }

  it("is for its owner only", async () => {
    await open();
    assert.equal(statSync(join(directory, "run")).mode & 0o777, 0o700);
    assert.equal(statSync(controlPath(join(directory, "run"))).mode & 0o777, 0o600);
  });

  it("is a pipe on Windows, one for each run directory, however its letters are written", () => {
    const path = controlPath("C:\\ProgramData\\vernemq\\run", "win32");
    assert.match(path, /^\\\\\.\\pipe\\vernemq-[0-9a-f]{32}$/);
    assert.equal(controlPath("c:\\programdata\\VerneMQ\\run", "win32"), path);
    assert.notEqual(controlPath("C:\\other\\run", "win32"), path);
    assert.equal(controlPath("/run/vernemq", "darwin"), join("/run/vernemq", "vernemq.ctl"));
  });

  it("says who runs, and answers commands once the node serves", async () => {
    const server = await open();
    assert.deepEqual(await askInfo(join(directory, "run")), {
      node: "VerneMQ@127.0.0.1",
      version: "0.1.0",
      pid: process.pid,
      state: "starting",
    });
    assert.deepEqual(await answer(admin("cluster", "show")), [
      { frame: "stderr", text: "Node 'VerneMQ@127.0.0.1' is still starting.\n" },
      { frame: "exit", status: 1 },
    ]);
    server.serve(serving("other@127.0.0.1"));
    assert.equal((await askInfo(join(directory, "run")))?.state, "running");
    assert.equal((await askInfo(join(directory, "run")))?.node, "other@127.0.0.1");
    assert.deepEqual(await answer(admin("session", "disconnect", "client-id=a")), [
      { frame: "stdout", text: "Done\n" },
      { frame: "exit", status: 0 },
    ]);
    assert.deepEqual(await answer({ request: "complete", words: ["plugin"], begun: "e" }), [
      { frame: "completions", words: ["enable"] },
    ]);
    assert.deepEqual(await answer({ request: "reload" }), [
      { frame: "stderr", text: "read again\n" },
      { frame: "exit", status: 1 },
    ]);
    server.stopping();
    assert.equal((await askInfo(join(directory, "run")))?.state, "stopping");
  });

  it("refuses a second node while the first lives", async () => {
    await open();
    await assert.rejects(
      open(),
      (error) => error instanceof AlreadyRunningError && error.info.pid === process.pid,
    );
    assert.equal((await askInfo(join(directory, "run")))?.pid, process.pid);
  });

  it("takes the place of a dead node's socket, and of a file that is no socket", async () => {
    mkdirSync(join(directory, "run"));
    writeFileSync(controlPath(join(directory, "run")), "left behind");
    await open();
    assert.equal((await askInfo(join(directory, "run")))?.pid, process.pid);
  });

  it("does not take the place of a node that is alive but silent", async () => {
    const silent = createServer(() => undefined);
    mkdirSync(join(directory, "run"));
    silent.listen(controlPath(join(directory, "run")));
    await once(silent, "listening");
    await assert.rejects(askInfo(join(directory, "run"), 50), NotRespondingError);
    silent.close();
  });

  it("leaves nothing behind", async () => {
    const server = await open();
    await server.close();
    assert.equal(existsSync(controlPath(join(directory, "run"))), false);
    await assert.rejects(answer(admin("cluster", "show")), NotRunningError);
    assert.equal(await askInfo(join(directory, "run")), undefined);
  });

  it("works in a directory whose name is too long for a socket", {
    skip: process.platform !== "linux",
  }, async () => {
    const long = join(directory, "x".repeat(120), "run");
    const server = await open(long);
    server.serve(serving("VerneMQ@127.0.0.1"));
    assert.equal((await askInfo(long))?.pid, process.pid);
    await server.close();
    assert.equal(existsSync(controlPath(long)), false);
  });

  it("tells about a stop after it has been answered", async () => {
    const stopped = Promise.withResolvers<void>();
    await open(undefined, stopped.resolve);
    assert.deepEqual(await answer({ request: "stop" }), [{ frame: "exit", status: 0 }]);
    await stopped.promise;
  });

  for (const [what, bytes] of [
    ["no JSON", "hello\n"],
    ["an unknown request", '{"request":"shutdown"}\n'],
    ["a list of words that is none", '{"request":"admin","argv":"session show"}\n'],
    ["an endless line", "x".repeat(MAX_REQUEST_BYTES + 2)],
  ] as const) {
    it(`answers ${what} with an error`, async () => {
      await open();
      const socket = connect(controlPath(join(directory, "run")));
      socket.write(bytes);
      let text = "";
      for await (const chunk of socket) text += String(chunk);
      assert.equal(
        text,
        '{"frame":"stderr","text":"The request was not understood.\\n"}\n{"frame":"exit","status":1}\n',
      );
    });
  }

  it("ends a command whose caller has gone, and waits for a slow one without holding its answer", async () => {
    let made = 0;
    function* endless(): Generator<SessionInfo> {
      for (;;) yield fakeSession(`client-${made++}`);
    }
    const ports = fakePorts();
    const server = await open();
    const finished = Promise.withResolvers<void>();
    const sessions = {
      ...ports.sessions,
      *sessions(): Generator<SessionInfo> {
        try {
          yield* endless();
        } finally {
          finished.resolve();
        }
      },
    };
    server.serve({ ...serving("n"), admin: createAdmin({ ...ports, sessions }) });
    const socket = connect(controlPath(join(directory, "run")));
    socket.write(`${JSON.stringify(admin("session", "show", "--format=csv", "--limit=999999999"))}\n`);
    await once(socket, "readable");
    // Nothing is read: the node must not make rows without end. A later question is answered meanwhile.
    let before = -1;
    while (before !== made) {
      before = made;
      for (let turn = 0; turn < 20; turn++) await askInfo(join(directory, "run"));
    }
    assert.ok(made < 1_000_000, `${made} rows made for a reader that takes none`);
    socket.destroy();
    await finished.promise;
  });
});
