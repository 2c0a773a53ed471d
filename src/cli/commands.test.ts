import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { askInfo } from "../admin/control-client.ts";
import { VERSION } from "../config/version.ts";
import { restart, start } from "./daemon.ts";
import { installation } from "./installation.ts";
import { openFilesLimit, openFilesWarning } from "./open-files.ts";
import { type Places, places } from "./places.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");
const TEST_NODE = join(import.meta.dirname, "node-test-support.ts");

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function finish(child: ChildProcess, input = ""): Promise<Result> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += String(chunk);
  });
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  child.stdin?.end(input);
  const [status] = await once(child, "close");
  return { status: typeof status === "number" ? status : null, stdout, stderr };
}

describe("the commands", () => {
  let directory = "";
  let where: Places;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-cli-"));
    for (const name of ["log", "etc"]) mkdirSync(join(directory, name));
    writeFileSync(join(directory, "etc", "vernemq.conf"), "nodename = test@127.0.0.1\n");
    writeFileSync(join(directory, "etc", "vmq.acl"), "");
    where = places(
      {
        conf: join(directory, "etc", "vernemq.conf"),
        dataDir: join(directory, "data"),
        logDir: join(directory, "log"),
        runDir: join(directory, "run"),
      },
      {},
      installation("/"),
    );
  });
  afterEach(async () => {
    const info = await askInfo(where.directories.run).catch(() => undefined);
    if (info !== undefined) process.kill(info.pid, "SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  function run(argv: readonly string[], input = ""): Promise<Result> {
    const env = {
      ...process.env,
      VERNEMQ_CONF: where.confFile,
      VERNEMQ_LOG_DIR: where.directories.log,
      VERNEMQ_RUN_DIR: where.directories.run,
    };
    return finish(spawn(process.execPath, [MAIN, ...argv], { env }), input);
  }

  /** The text written to this process's streams while something runs is not caught: only the status counts. */
  async function startNode(): Promise<void> {
    assert.equal(await start(where, TEST_NODE), 0);
  }

  /** `vernemq start` of that file, in a process of its own. */
  function startOf(mainFile: string, env: NodeJS.ProcessEnv = {}): Promise<Result> {
    const script = join(directory, "start.ts");
    writeFileSync(
      script,
      `import { start } from ${JSON.stringify(join(import.meta.dirname, "daemon.ts"))};\n` +
        `process.exitCode = await start(${JSON.stringify(where)}, ${JSON.stringify(mainFile)});\n`,
    );
    return finish(spawn(process.execPath, [script], { env: { ...process.env, ...env } }));
  }

  it("says that no node is there", async () => {
    const absent = "Node 'test@127.0.0.1' not responding to pings.\n";
    assert.deepEqual(await run(["vernemq", "ping"]), { status: 1, stdout: "", stderr: absent });
    assert.deepEqual(await run(["vernemq", "stop"]), {
      status: 1,
      stdout: "",
      stderr: `${absent}Node is not running!\n`,
    });
    assert.deepEqual(await run(["vernemq", "getpid"]), {
      status: 1,
      stdout: "",
      stderr: "Node is not running!\n",
    });
    assert.deepEqual(await run(["vernemq", "attach"]), {
      status: 1,
      stdout: "",
      stderr: "Node did not respond to ping!\n",
    });
    assert.deepEqual(await run(["vmq-admin", "session", "show"]), { status: 1, stdout: "", stderr: absent });
  });

  it("finds no node where no run directory can be", async () => {
    const child = (argv: string[]): Promise<Result> =>
      finish(spawn(process.execPath, [MAIN, ...argv, "--run-dir", join(where.confFile, "run")]));
    for (const command of ["ping", "stop", "reload"]) {
      const { status, stderr } = await child(["vernemq", command]);
      assert.equal(status, 1, command);
      assert.match(stderr, /^Node '.*' not responding to pings\.\n(Node is not running!\n)?$/, command);
    }
    assert.match(
      (await child(["vmq-admin", "session", "show"])).stderr,
      /^Node '.*' not responding to pings\.\n$/,
    );
  });

  it("says in one line that this user may not ask", { skip: process.platform !== "linux" }, async () => {
    const { run } = where.directories;
    mkdirSync(run);
    writeFileSync(join(run, "vernemq.ctl"), "");
    chmodSync(run, 0);
    // Root may do everything, unless it gives up these two rights.
    const shed = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
    const program = [...(process.getuid?.() === 0 ? shed : []), process.execPath, MAIN];
    const child = ([command = "", ...argv]: string[]): Promise<Result> =>
      finish(spawn(command, argv, { env: { ...process.env, VERNEMQ_CONF: where.confFile } }));
    const commands = ["ping", "getpid", "stop", "start", "restart", "reload", "attach"];
    const typed = [...commands.map((command) => ["vernemq", command]), ["vmq-admin", "session", "show"]];
    for (const argv of typed) {
      const places = ["--run-dir", run, "--log-dir", where.directories.log];
      assert.deepEqual(
        await child([...program, ...argv, ...places]),
        {
          status: 1,
          stdout: "",
          stderr: `permission denied for ${join(run, "vernemq.ctl")}: commands are for the user of the broker and for root\n`,
        },
        argv.join(" "),
      );
    }
    chmodSync(run, 0o700);
  });

  it("leaves the prompt of a node that is gone", async () => {
    await startNode();
    const attached = spawn(process.execPath, [MAIN, "vernemq", "attach", "--run-dir", where.directories.run]);
    const outcome = new Promise<Result>((resolve, reject) => {
      let [stdout, stderr] = ["", ""];
      attached.stderr.on("data", (chunk) => {
        stderr += String(chunk);
      });
      attached.stdout.on("data", (chunk) => {
        stdout += String(chunk);
        // It answers: now the node goes, and the next command finds that out.
        if (!stdout.endsWith("Done\n")) return;
        run(["vernemq", "stop"]).then(() => attached.stdin.write("metrics reset\n"), reject);
      });
      attached.once("close", (status) => resolve({ status, stdout, stderr }));
    });
    attached.stdin.write("metrics reset\n");
    assert.deepEqual(await outcome, {
      status: 1,
      stdout: "Done\nNode 'VerneMQ@127.0.0.1' is not running any more.\n",
      stderr: "",
    });
  });

  it("starts a node in the background, finds it, asks it and stops it", async () => {
    rmSync(where.directories.log, { recursive: true });
    await startNode();
    assert.equal(statSync(where.directories.log).mode & 0o027, 0, "logs are not for everybody");
    const info = await askInfo(where.directories.run);
    assert.equal(info?.state, "running");
    assert.equal(
      readFileSync(join(directory, "log", "argv"), "utf8"),
      `vernemq foreground --conf ${where.confFile} --data-dir ${where.directories.data} ` +
        `--log-dir ${where.directories.log} --run-dir ${where.directories.run}`,
    );
    assert.deepEqual(await run(["vernemq", "ping"]), { status: 0, stdout: "pong\n", stderr: "" });
    assert.deepEqual(await run(["vernemq", "getpid"]), { status: 0, stdout: `${info?.pid}\n`, stderr: "" });
    assert.equal(readFileSync(join(directory, "run", "vernemq.pid"), "utf8"), `${info?.pid}\n`);
    assert.deepEqual(await run(["vernemq", "start"]), {
      status: 1,
      stdout: "",
      stderr: "Node is already running!\n",
    });
    assert.deepEqual(await run(["vernemq", "console"]), {
      status: 1,
      stdout: "",
      stderr: `${openFilesWarning(openFilesLimit())}Node is already running - use 'vernemq attach' instead\n`,
    });
    assert.deepEqual(await run(["vernemq", "attach-direct", "-f"], "show nodename --format=csv\n"), {
      status: 0,
      stdout: "node,nodename\r\nVerneMQ@127.0.0.1,VerneMQ@127.0.0.1\r\n",
      stderr: "",
    });
    assert.deepEqual(await run(["vernemq", "escript", "x.erl", "--y"]), {
      status: 1,
      stdout: "",
      stderr: "escript belongs to the Erlang runtime, which this broker does not use\n",
    });
    const shown = await run(["vmq-admin", "retain", "show", "--format=csv"]);
    assert.deepEqual(shown, {
      status: 0,
      stdout: 'payload,topic\r\nhello,retained/one\r\n"{""v"":2}",retained/two\r\n',
      stderr: "",
    });
    const bogus = await run(["vmq-admin", "session", "show", "--bogus"]);
    assert.deepEqual(bogus, { status: 1, stdout: 'Invalid key: "bogus"\n', stderr: "" });
    const attached = await run(
      ["vernemq", "attach"],
      "show nodename --format=csv\nvmq-admin plugin enable --name=nope\nq().\n",
    );
    assert.deepEqual(attached, {
      status: 0,
      stdout:
        "node,nodename\r\nVerneMQ@127.0.0.1,VerneMQ@127.0.0.1\r\nCan't enable plugin: nope due to plugin_not_found\n",
      stderr: "",
    });
    assert.deepEqual(await run(["vernemq", "stop"]), { status: 0, stdout: "ok\n", stderr: "" });
    assert.equal(existsSync(join(directory, "run", "vernemq.pid")), false);
    assert.match(
      readFileSync(join(directory, "log", "console.log"), "utf8"),
      /the node stops: vernemq stop\n$/,
    );
    assert.deepEqual((await run(["vernemq", "ping"])).status, 1);
  });

  it("says that a node is there and does not answer", { skip: process.platform !== "linux" }, async () => {
    await startNode();
    const { pid = 0 } = (await askInfo(where.directories.run)) ?? {};
    process.kill(pid, "SIGSTOP");
    try {
      assert.deepEqual(await run(["vernemq", "stop"]), {
        status: 1,
        stdout: "",
        stderr:
          "Node 'test@127.0.0.1' not responding to pings.\n" +
          `Its process ${pid} is there and does not answer; kill -9 ${pid} ends it, and nothing acknowledged is lost.\n`,
      });
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  it("finds the node by options as well as by the environment", async () => {
    await startNode();
    const option = ["--run-dir", where.directories.run];
    for (const argv of [
      ["vmq-admin", ...option, "metrics", "reset"],
      ["vmq-admin", "metrics", "reset", ...option],
      ["vmq-admin", "metrics", "reset", `--run-dir=${where.directories.run}`],
    ]) {
      const child = spawn(process.execPath, [MAIN, ...argv], { env: { PATH: process.env.PATH } });
      assert.equal((await finish(child)).stdout, "Done\n", argv.join(" "));
    }
  });

  it("restarts", async () => {
    await startNode();
    const before = await askInfo(where.directories.run);
    assert.equal(await restart(where, TEST_NODE), 0);
    const after = await askInfo(where.directories.run);
    assert.equal(after?.state, "running");
    assert.notEqual(after?.pid, before?.pid);
  });

  it("says why a start failed", async () => {
    const { status, stdout, stderr } = await startOf(TEST_NODE, { TEST_NODE_FAILS: "1" });
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /error: first\nerror: second\nvernemq failed to start\n$/);
  });

  it("says where to look when the reason of a failed start could not be written", async () => {
    const silent = join(directory, "silent.ts");
    writeFileSync(silent, "process.exitCode = 1;");
    const { status, stderr } = await startOf(silent);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /The reason is not in .*\/log\/startup\.out; is its file system full\? `vernemq foreground` shows it\.\nvernemq failed to start\n$/,
    );
  });

  it("says that a node was stopped or killed while it started", async () => {
    const file = join(directory, "early.ts");
    for (const [statement, said] of [
      ["process.exitCode = 0;", "It was told to stop before it served."],
      ['process.kill(process.pid, "SIGKILL");', "It was ended by SIGKILL."],
    ] as const) {
      writeFileSync(file, statement);
      const { status, stderr } = await startOf(file);
      assert.equal(status, 1);
      assert.ok(stderr.endsWith(`${said}\nvernemq failed to start\n`), stderr);
    }
  });

  it("logs to the file when it is started in the background, whatever log.console says", async () => {
    for (const target of ["console", "both"]) {
      writeFileSync(where.confFile, `log.console = ${target}\nallow_anonymous = on\n`);
      const place = ["--data-dir", where.directories.data];
      const { status, stderr } = await run(["vernemq", "start", ...place]);
      assert.equal(status, 0, stderr);
      assert.equal((await run(["vernemq", "stop", ...place])).status, 0);
      assert.equal(readFileSync(join(where.directories.log, "startup.out"), "utf8"), "");
      const logged = readFileSync(join(where.directories.log, "console.log"), "utf8");
      assert.match(logged, /is ready\n/);
      assert.equal(/in the background nobody would see the lines/.test(logged), target === "console");
      rmSync(join(where.directories.log, "console.log"));
    }
  });

  it("cannot be made to open the debugger of its runtime by a signal", async () => {
    for (const file of ["setup/launch.sh", "start.mjs"]) {
      const script = readFileSync(join(import.meta.dirname, "..", "..", "scripts", file), "utf8");
      assert.match(script, /--disable-sigusr1/, file);
    }
  });

  it("ends with status 0 on SIGTERM and opens its logs again on SIGHUP", async () => {
    const argv = ["vernemq", "foreground", "--conf", where.confFile, "--log-dir", where.directories.log];
    const child = spawn(process.execPath, [TEST_NODE, ...argv, "--run-dir", where.directories.run], {
      env: { ...process.env, VERNEMQ_DEVELOPMENT: "1" },
    });
    const [notice] = await once(child.stdout, "data");
    assert.match(String(notice), /mosquitto_pub -h 127\.0\.0\.1 -p 1883 -t hello\/world/);
    const log = join(directory, "log", "console.log");
    while (!existsSync(log)) await askInfo(where.directories.run);
    rmSync(log);
    child.kill("SIGHUP");
    while (!existsSync(log)) await askInfo(where.directories.run);
    child.kill("SIGTERM");
    assert.equal((await finish(child)).status, 0);
    assert.match(readFileSync(log, "utf8"), /^[^\n]*opened again\n[^\n]*the node stops: SIGTERM\n$/);
  });

  it("checks and shows the configuration", async () => {
    assert.deepEqual(await run(["vernemq", "chkconfig"]), {
      status: 0,
      stdout: "config is OK\n",
      stderr: "",
    });
    assert.match((await run(["vernemq", "config", "effective"])).stdout, /^nodename = test@127\.0\.0\.1$/m);
    assert.match((await run(["vernemq", "config", "generate", "-l", "debug"])).stdout, /^ --conf /);
    assert.match(
      (await run(["vernemq", "config", "describe", "nodename"])).stdout,
      /^Documentation for nodename\n/,
    );
    assert.equal((await run(["vernemq", "config", "describe"])).status, 1);
    assert.equal((await run(["vernemq", "config", "bogus"])).status, 1);
    writeFileSync(where.confFile, "max_inflight_mesages = 3\n");
    const refused = await run(["vernemq", "chkconfig"]);
    assert.equal(refused.status, 1);
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, /vernemq\.conf:1: max_inflight_mesages: .* max_inflight_messages/);
  });

  it("prints the version, its usage, and refuses what it does not know", async () => {
    assert.deepEqual(await run(["vernemq", "version"]), { status: 0, stdout: `${VERSION}\n`, stderr: "" });
    assert.match((await run(["vernemq"])).stdout, /^Usage: vernemq /);
    assert.equal((await run(["vernemq"])).status, 0);
    const unknown = await run(["vernemq", "bogus"]);
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /unknown command 'bogus'/);
    assert.equal((await run(["other"])).status, 1);
  });
});

describe("vmq-passwd", () => {
  let file = "";
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), "vernemq-passwd-")), "vmq.passwd");
  });
  afterEach(() => rmSync(join(file, ".."), { recursive: true, force: true }));

  function run(argv: readonly string[], input = ""): Promise<Result> {
    return finish(spawn(process.execPath, [MAIN, "vmq-passwd", ...argv]), input);
  }
  const users = (): string[] =>
    readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.split(":")[0] ?? "");

  it("changes the file that a link leads to", async () => {
    const target = join(file, "..", "target");
    writeFileSync(target, "alice:pw\n");
    symlinkSync(target, file);
    assert.deepEqual(await run(["-U", file]), { status: 0, stdout: "", stderr: "" });
    assert.equal(readlinkSync(file), target);
    assert.match(readFileSync(target, "utf8"), /^alice:\$6\$/);
  });

  it("names file and line of what it does not understand, and options that do not go together", async () => {
    writeFileSync(file, "alice:pw\nnonsense\n");
    for (const [argv, said] of [
      [["-U", file], `${file}, line 2: a line must be username:password-hash`],
      [["-f", file, "alice"], "-f goes with -c only."],
      [["-c", "-D", file, "alice"], "-c, -D and -U exclude each other."],
    ] as const) {
      assert.deepEqual(await run(argv), { status: 1, stdout: "", stderr: `Error: ${said}\n` });
    }
  });

  it("creates a file, adds, replaces and deletes users", async () => {
    const created = await run(["-c", file, "alice"], "secret\nsecret\n");
    assert.deepEqual(created, { status: 0, stdout: "Password: \nReenter password: \n", stderr: "" });
    const first = readFileSync(file, "utf8");
    assert.match(first, /^alice:\$6\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==\n$/);
    assert.equal((await run([file, "bob"], "other\nother\n")).status, 0);
    assert.deepEqual(users(), ["alice", "bob"]);
    assert.equal((await run([file, "alice"], "new\nnew\n")).status, 0);
    assert.deepEqual(users().sort(), ["alice", "bob"]);
    assert.notEqual(readFileSync(file, "utf8").includes(first.trim()), true);
    assert.equal((await run(["-D", file, "alice"])).status, 0);
    assert.deepEqual(users(), ["bob"]);
    assert.equal(existsSync(`${file}.tmp`), false);
  });

  it("refuses with the documented texts", async () => {
    const missing = await run([file, "alice"], "a\na\n");
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, new RegExp(`^Error: Unable to open password file ${file}\\. ENOENT`));
    await run(["-c", file, "alice"], "a\na\n");
    const exists = await run(["-c", file, "bob"], "a\na\n");
    assert.equal(exists.status, 1);
    assert.match(exists.stderr, /already exists\. Please use -cf in case you want to overwrite the file\n$/);
    assert.equal((await run(["-cf", file, "bob"], "a\na\n")).status, 0);
    assert.deepEqual(users(), ["bob"]);
    assert.equal((await run([file, "c"], "a\nb\n")).stderr, "Error: Passwords do not match.\n");
    assert.equal((await run([file, "c"], "\n\n")).stderr, "Error: Empty password.\n");
    assert.equal((await run([file, "c"], "")).stderr, "Error: Empty password.\n");
    assert.equal((await run([file, "c:d"], "a\na\n")).status, 1);
    const absent = await run(["-D", file, "nobody"]);
    assert.deepEqual(absent, {
      status: 0,
      stdout: "",
      stderr: "Warning: User nobody not found in password file.\n",
    });
    assert.equal((await run([])).status, 1);
  });

  it("hashes clear text passwords in place", async () => {
    writeFileSync(file, "alice:secret\n");
    assert.equal((await run(["-U", file])).status, 0);
    assert.match(readFileSync(file, "utf8"), /^alice:\$6\$/);
  });
});
