/** What vernemq.conf names outside of itself: both `chkconfig` and the start say what is wrong with it, and where. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout, startBroker } from "../support/broker.ts";
import { KEY_PASSWORD, makePki } from "../support/pki.ts";
import { ended, removeDirectory, run, startProcess, temporaryDirectory } from "../support/processes.ts";
import { oursOnly } from "../support/suite.ts";

const options = { skip: oursOnly };
const directory = temporaryDirectory();
const pki = makePki(directory);
after(() => removeDirectory(directory));
const entry = join(checkout, "src", "main.ts");
const root = process.getuid?.() === 0;
let made = 0;

/** A configuration of its own, with places of its own. */
function places(lines: readonly string[], moved: { data?: string; log?: string } = {}): string[] {
  const own = join(directory, `node-${made++}`);
  for (const name of ["data", "log", "run"]) mkdirSync(join(own, name), { recursive: true });
  const conf = join(own, "vernemq.conf");
  writeFileSync(conf, `${lines.join("\n")}\n`);
  const { data = join(own, "data"), log = join(own, "log") } = moved;
  return ["--conf", conf, "--data-dir", data, "--log-dir", log, "--run-dir", join(own, "run")];
}

interface Said {
  readonly start: string;
  readonly check: string;
}

/** What the start and `chkconfig` say on standard error. Both fail, and soon. */
async function refused(lines: readonly string[], moved: { data?: string; log?: string } = {}): Promise<Said> {
  const argv = places(lines, moved);
  const [start, check] = await Promise.all(
    ["foreground", "chkconfig"].map((command) =>
      run(process.execPath, [entry, "vernemq", ...argv, command], { deadlineMs: 30_000 }),
    ),
  );
  assert.equal(start?.code, 1, start?.stderr);
  assert.equal(check?.code, 1, check?.stderr);
  assert.equal(check?.stdout, "");
  return { start: start?.stderr ?? "", check: check?.stderr ?? "" };
}

async function checked(lines: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  return await run(process.execPath, [entry, "vernemq", ...places(lines), "chkconfig"]);
}

function tlsListener(port: number, further: Readonly<Record<string, string>>): string[] {
  const files = { certfile: pki.server.cert, keyfile: pki.server.key, ...further };
  return [
    `listener.ssl.l${port} = 127.0.0.1:${port}`,
    ...Object.entries(files).map(([word, value]) => `listener.ssl.l${port}.${word} = ${value}`),
  ];
}

test("files of TLS: all that is wrong at once, with file, line, key and path", options, async () => {
  const nonsense = join(directory, "nonsense.pem");
  writeFileSync(nonsense, "nonsense\n");
  const none = join(directory, "none.pem");
  const lines = [
    ...tlsListener(1, { certfile: none }),
    ...tlsListener(2, { keyfile: pki.client.key }),
    ...tlsListener(3, { cafile: nonsense }),
    ...tlsListener(4, { cafile: pki.root.cert, crlfile: none }),
    ...tlsListener(5, { keyfile: pki.encryptedKey }),
    ...tlsListener(6, { keyfile: pki.encryptedKey, keypasswd: `not ${KEY_PASSWORD}` }),
    ...tlsListener(7, { "sni.a\\.example\\.org.certfile": directory }),
    ...tlsListener(8, { require_certificate: "on" }),
    `listener.wss.cafile = ${none}`,
    "listener.wss.l9 = 127.0.0.1:9",
    `listener.wss.l9.certfile = ${pki.server.cert}`,
    `listener.wss.l9.keyfile = ${pki.server.key}`,
  ];
  const line = (key: string): string => {
    const number = lines.findIndex((text) => text.startsWith(`${key} =`)) + 1;
    assert.ok(number > 0, key);
    const value = lines[number - 1]?.slice(key.length + 3) ?? "";
    return `vernemq.conf:${number}: ${key} = ${value}: `;
  };
  const expected = [
    `${line("listener.ssl.l1.certfile")}the file does not exist`,
    `${line("listener.ssl.l2.keyfile")}the key does not belong to the certificate in ${pki.server.cert}`,
    `${line("listener.ssl.l3.cafile")}the file is not PEM`,
    `${line("listener.ssl.l4.crlfile")}the file does not exist`,
    `${line("listener.ssl.l5.keyfile")}the key is encrypted; keypasswd must hold its password`,
    `${line("listener.ssl.l6.keyfile")}keypasswd is not the password of the key`,
    `${line("listener.ssl.l7.sni.a\\.example\\.org.certfile")}it is a directory`,
    `${line("listener.ssl.l8")}require_certificate is on, but there is no cafile`,
    `${line("listener.wss.cafile")}the file does not exist`,
  ];
  const said = await refused(lines);
  for (const stderr of [said.start, said.check])
    for (const text of expected) assert.ok(stderr.includes(text), `${text}\nis not in\n${stderr}`);
});

test("two listeners on one address and port", options, async () => {
  const lines = [
    "listener.tcp.a = 127.0.0.1:1883",
    "listener.ws.b = 127.0.0.1:1883",
    "listener.tcp.c = 127.0.0.1:1884",
  ];
  const { start, check } = await refused(lines);
  const expected =
    /vernemq\.conf:2: listener\.ws\.b = 127\.0\.0\.1:1883: listener\.tcp\.a \(\S+vernemq\.conf:1\) has this address and port already\nerror: the configuration has one error\n$/;
  assert.match(start, expected);
  assert.match(check, expected);
});

test("two listeners on one port, one of them on all addresses", options, async () => {
  const lines = [
    "listener.tcp.a = 127.0.0.1:1883",
    "listener.ws.all = 0.0.0.0:1883",
    "listener.http.default = 0.0.0.0:8888",
    "listener.http.health = 127.0.0.1:8888",
    "listener.http.health.http_modules = vmq_health_http",
  ];
  const { start, check } = await refused(lines);
  for (const text of [start, check]) {
    assert.match(
      text,
      /:2: listener\.ws\.all = 0\.0\.0\.0:1883: listener\.tcp\.a \(\S+:1\) has this port on 127\.0\.0\.1 already\n/,
    );
    assert.match(
      text,
      /:4: listener\.http\.health = 127\.0\.0\.1:8888: listener\.http\.default \(\S+:3\) has this port on all addresses already\n/,
    );
  }
});

test("directories in which nothing can be made, and files in their place", {
  skip: oursOnly || (existsSync("/proc/self") ? false : "needs /proc"),
}, async () => {
  const file = join(directory, "file");
  writeFileSync(file, "");
  for (const [data, reason] of [
    ["/proc/vernemq/data", "nothing can be made in /proc"],
    [file, "it is not a directory"],
    [join(file, "below"), "a part of its path is not a directory"],
  ] as const) {
    const from = performance.now();
    const { start, check } = await refused([], { data });
    assert.ok(performance.now() - from < 15_000);
    const expected = `error: platform_data_dir = ${data}: the data directory cannot be used: ${reason}`;
    for (const stderr of [start, check]) assert.ok(stderr.includes(expected), stderr);
  }
  const { start, check } = await refused(["", "log.error.file = /proc/vernemq/error.log"], {
    log: "/proc/vernemq",
  });
  for (const stderr of [start, check]) {
    assert.match(stderr, /error: the log directory \/proc\/vernemq cannot be used: nothing can be made in/);
  }
  const one = await refused(["", `log.error.file = ${directory}`]);
  for (const stderr of [one.start, one.check])
    assert.match(stderr, /vernemq\.conf:2: log\.error\.file = \S+: the log file cannot be used: it is a dir/);
});

test("a read-only file system", { skip: oursOnly || (root ? false : "needs root") }, async (context) => {
  const mounted = join(directory, "read-only");
  mkdirSync(mounted);
  const { code } = await run("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "none", mounted]);
  if (code !== 0) return context.skip("may not mount a file system");
  try {
    const data = join(mounted, "data");
    const { start, check } = await refused([], { data });
    for (const stderr of [start, check])
      assert.ok(stderr.includes(`${data}: the data directory cannot be used: the file system is read-only`));
  } finally {
    await run("umount", [mounted]);
  }
});

test(
  "files of users and rules: chkconfig warns, with the lines that are wrong in them",
  options,
  async () => {
    const acl = join(directory, "vmq.acl");
    writeFileSync(acl, "topic a\nnonsense\n");
    const { code, stdout, stderr } = await checked([
      `vmq_acl.acl_file = ${acl}`,
      `vmq_passwd.password_file = ${directory}`,
    ]);
    assert.equal(code, 0);
    assert.equal(stdout, "config is OK\n");
    assert.ok(stderr.includes(`warning: ${acl}:2: a line begins with`), stderr);
    assert.match(
      stderr,
      /warning: \S+conf:2: vmq_passwd\.password_file = \S+: it is no file; vmq_passwd lets/,
    );
  },
);

test("a full file system", { skip: oursOnly || (root ? false : "needs root") }, async (context) => {
  const mounted = join(directory, "full");
  mkdirSync(mounted);
  const { code } = await run("mount", ["-t", "tmpfs", "-o", "size=256k", "none", mounted]);
  if (code !== 0) return context.skip("may not mount a file system");
  try {
    await run("dd", ["if=/dev/zero", `of=${join(mounted, "filler")}`, "bs=4096"]);
    const own = places(["plugins.vmq_acl = off"], { data: join(mounted, "data") });
    const check = await run(process.execPath, [entry, "vernemq", ...own, "chkconfig"]);
    assert.match(check.stderr, /warning: the file system of the data directory \S+full\/data is full\n/);
    const start = await run(process.execPath, [entry, "vernemq", ...own, "foreground"]);
    assert.equal(start.code, 1);
    assert.match(start.stderr, /error: the message store in \S+ cannot be (opened|used): .*No space left/i);
    const pid = places(["plugins.vmq_acl = off"]).with(-1, join(mounted, "run"));
    const second = await run(process.execPath, [entry, "vernemq", ...pid, "foreground"]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /vernemq\.pid cannot be written: ENOSPC/);
  } finally {
    await run("umount", [mounted]);
  }
});

test("the authorities of a syslog server", options, async () => {
  const { start, check } = await refused([
    "log.syslog = on",
    "log.syslog.format = rfc5424",
    "log.syslog.remote.host = localhost",
    "log.syslog.remote.protocol = tls",
    "log.syslog.remote.tls.cafile = /nowhere/ca.pem",
  ]);
  for (const stderr of [start, check])
    assert.match(
      stderr,
      /conf:5: log\.syslog\.remote\.tls\.cafile = \/nowhere\/ca\.pem: it cannot be read: it/,
    );
});

test("what a user may not read is an error for the broker itself", {
  skip: oursOnly || (root ? false : "needs root"),
}, async () => {
  const secret = join(directory, "secret.key");
  writeFileSync(secret, "secret");
  for (const [path, mode] of [
    [secret, 0o600],
    [directory, 0o755],
  ] as const)
    chmodSync(path, mode);
  const argv = places(tlsListener(1, { keyfile: secret }));
  for (const path of argv.filter((word) => word.startsWith("/"))) chownSync(path, 65_534, 65_534);
  const { code, stderr } = await run("setpriv", [
    ...["--reuid=65534", "--regid=65534", "--clear-groups"],
    ...[process.execPath, entry, "vernemq", ...argv, "chkconfig"],
  ]);
  if (/Permission denied|Cannot find module|EACCES.*main\.ts/.test(stderr)) return;
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /conf:3: listener\.ssl\.l1\.keyfile = \S+secret\.key: the file may not be read by the user/,
  );
});

test("SIGTERM ends a start that waits for something", options, async () => {
  const plugin = join(directory, "slow.mjs");
  writeFileSync(
    plugin,
    'export const name = "slow"; export const hooks = {};\n' +
      'export function start() { console.log("it waits"); return new Promise(() => {}); }\n',
  );
  const argv = places(["plugins.slow = on", `plugins.slow.path = ${plugin}`]);
  const waits = Promise.withResolvers<void>();
  let output = "";
  const child = startProcess(process.execPath, [entry, "vernemq", ...argv, "foreground"], {}, (text) => {
    output += text;
    if (output.includes("it waits")) waits.resolve();
  });
  await waits.promise;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  assert.equal(await ended(child), 0, output);
  clearTimeout(timer);
  assert.match(output, /was told to stop while it was starting/);
});

test("a pipe in the place of a file of rules is not waited for", options, async () => {
  const pipe = join(directory, "acl.pipe");
  assert.equal((await run("mkfifo", [pipe])).code, 0);
  await using broker = await startBroker({ configuration: [`vmq_acl.acl_file = ${pipe}`] });
  await broker.logged(/can't read the ACL file \S+acl\.pipe: it is a pipe/);
  assert.equal(await broker.stop(), 0);
});

test("plugins that nobody has: chkconfig warns", options, async () => {
  const { code, stderr } = await checked([
    "plugins.vmq_acl = off",
    "plugins.vmq_passwrd = on",
    "plugins.mine = on",
    "plugins.mine.path = /nowhere/mine.js",
  ]);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /conf:2: plugins\.vmq_passwrd = on: there is no such plugin; did you mean vmq_passwd\?/,
  );
  assert.match(stderr, /conf:3: plugins\.mine = on: \/nowhere\/mine\.js cannot be loaded: it does not exist/);
});
