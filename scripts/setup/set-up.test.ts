import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";

const checkout = dirname(dirname(import.meta.dirname));

/** A checkout in miniature: the scripts, a lock file with one package, and an npm that records its calls. */
function miniature(context: TestContext): {
  root: string;
  run: (...args: string[]) => ReturnType<typeof runIn>;
} {
  const root = mkdtempSync(join(tmpdir(), "set-up-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  cpSync(join(checkout, "scripts"), join(root, "scripts"), { recursive: true });
  mkdirSync(join(root, "rel"));
  mkdirSync(join(root, "src"));
  mkdirSync(join(root, "bin"));
  const platform = { platform: process.platform, arch: process.arch, package: "runtime", binary: "bin/node" };
  writeFileSync(join(root, "rel/platforms.json"), JSON.stringify({ platforms: [platform] }));
  writeFileSync(
    join(root, "package.json"),
    JSON.stringify({ type: "module", optionalDependencies: { runtime: process.version.slice(1) } }),
  );
  const lock = { packages: { "": {}, "node_modules/runtime": { version: "1.0.0", integrity: "sha512-x" } } };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(lock));
  const past = new Date(Date.now() - 60_000);
  utimesSync(join(root, "package-lock.json"), past, past);
  writeFileSync(
    join(root, "bin/npm"),
    `#!/bin/sh
echo "$@" >>"${root}/npm.calls"
sleep 0.2
mkdir -p node_modules/runtime/bin
ln -sf "${process.execPath}" node_modules/runtime/bin/node
cp package-lock.json node_modules/.package-lock.json
`,
    { mode: 0o755 },
  );
  writeFileSync(
    join(root, "src/main.ts"),
    "console.log(JSON.stringify(process.argv.slice(2)));\nprocess.exitCode = 3;\n",
  );
  return { root, run: (...args) => runIn(root, args) };
}

function environment(root: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${join(root, "bin")}:${dirname(process.execPath)}:${process.env.PATH}` };
}

function runIn(root: string, [program = "", ...args]: string[]) {
  return spawnSync(program, args, { cwd: tmpdir(), env: environment(root), encoding: "utf8" });
}

function npmCalls(root: string): number {
  const text = execFileSync("sh", ["-c", `cat "${root}/npm.calls" 2>/dev/null || true`], {
    encoding: "utf8",
  });
  return text.split("\n").filter((line) => line.startsWith("ci ")).length;
}

describe("the wrappers for the commands", () => {
  test("set up once, then run the command from anywhere with its arguments and its status", (context) => {
    const { root, run } = miniature(context);
    const first = run(join(root, "scripts/vernemq"), "version", "two words", "");
    assert.equal(first.stdout, `${JSON.stringify(["vernemq", "version", "two words", ""])}\n`, first.stderr);
    assert.equal(first.status, 3);
    assert.equal(run(join(root, "scripts/vmq-admin"), "x").stdout, '["vmq-admin","x"]\n');
    symlinkSync(join(root, "scripts/vmq-passwd"), join(root, "linked"));
    symlinkSync("linked", join(root, "twice"));
    assert.equal(run(join(root, "twice"), "-c").stdout, '["vmq-passwd","-c"]\n');
    assert.equal(npmCalls(root), 1);
  });
});

describe("the set-up", () => {
  test("installs again when the lock file has changed, not when it was only touched", (context) => {
    const { root, run } = miniature(context);
    const command = join(root, "scripts/vernemq");
    run(command);
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(root, "package-lock.json"), later, later);
    run(command);
    assert.equal(npmCalls(root), 1);
    const text = readFileSync(join(root, "package-lock.json"), "utf8");
    writeFileSync(join(root, "package-lock.json"), text.replace("1.0.0", "1.0.1"));
    utimesSync(join(root, "package-lock.json"), later, later);
    assert.equal(run(command).status, 3);
    assert.equal(npmCalls(root), 2);
  });

  test("runs once for many that start at the same time, also behind the lock of a dead process", async (context) => {
    const { root } = miniature(context);
    const { pid } = spawnSync("true");
    mkdirSync(join(root, ".dev"));
    writeFileSync(join(root, ".dev/set-up.lock"), `${pid}\n`);
    const children = Array.from({ length: 4 }, () =>
      spawn(join(root, "scripts/vernemq"), [], { env: environment(root), stdio: "ignore" }),
    );
    const statuses = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
    assert.deepEqual(statuses, [3, 3, 3, 3]);
    assert.equal(npmCalls(root), 1);
  });

  test("says what failed: npm, an unknown platform, a runtime of another version", (context) => {
    const { root, run } = miniature(context);
    const command = join(root, "scripts/vernemq");
    writeFileSync(join(root, "package.json"), JSON.stringify({ optionalDependencies: { runtime: "1.2.3" } }));
    assert.match(
      run(command).stderr,
      /set-up failed: the runtime of package runtime says v.*, expected v1\.2\.3/,
    );
    rmSync(join(root, "node_modules"), { recursive: true });
    writeFileSync(join(root, "bin/npm"), "#!/bin/sh\nexit 9\n");
    const failed = run(command);
    assert.match(failed.stderr, /set-up failed: npm ci ended with status 9/);
    assert.equal(failed.status, 1);
    writeFileSync(join(root, "rel/platforms.json"), '{ "platforms": [] }');
    assert.match(run(command).stderr, /no pinned runtime for/);
  });
});

describe("npm start", () => {
  test("passes a signal on and keeps the exit status", async (context) => {
    const { root } = miniature(context);
    writeFileSync(
      join(root, "src/main.ts"),
      `if (process.env.VERNEMQ_DEVELOPMENT !== "1") process.exit(9);
process.on("SIGTERM", () => process.exit(7));
setInterval(() => {}, 1000);
console.log(process.argv.slice(2).join(" "));
`,
    );
    const child = spawn(process.execPath, [join(root, "scripts/start.mjs"), "--extra"], {
      env: environment(root),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [chunk] = await once(child.stdout, "data");
    const places = `--conf ${root}/rel/development/vernemq.conf --data-dir ${root}/.dev/data --log-dir ${root}/.dev/log --run-dir ${root}/.dev/run`;
    assert.equal(String(chunk), `vernemq foreground ${places} --extra\n`);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [7, null]);
  });
});
