import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualTimers } from "./plugin-test-support.ts";
import { ReloadedFile } from "./reloaded-file.ts";

async function setUp(t: TestContext, interval = 10) {
  const folder = await mkdtemp(join(tmpdir(), "reloaded-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "file");
  const timers = new ManualTimers();
  const log: string[] = [];
  /** Resolved by the second reading. */
  const read = Promise.withResolvers<void>();
  const file = new ReloadedFile({ path, interval }, timers, {
    loaded: (text) => {
      if (log.push(text) === 2) read.resolve();
    },
    unreadable: (_, problem, missing) => log.push(missing ? "missing" : `unreadable ${problem}`),
  });
  t.after(() => file.stop());
  return { folder, path, timers, log, file, read };
}

test("reads at the start and then only what has changed", async (t) => {
  const { path, log, file } = await setUp(t);
  await writeFile(path, "\ufeffone");
  await file.start();
  await file.check();
  assert.deepEqual(log, ["one"]);
  await writeFile(path, "two");
  await file.check();
  assert.deepEqual(log, ["one", "two"]);
});

test("a file replaced by one of the same size and time is seen", async (t) => {
  const { folder, path, log, file } = await setUp(t);
  const time = new Date(1_700_000_000_000);
  await writeFile(path, "one");
  await utimes(path, time, time);
  await file.start();
  await writeFile(join(folder, "new"), "two");
  await utimes(join(folder, "new"), time, time);
  await rename(join(folder, "new"), path);
  await file.check();
  assert.deepEqual(log, ["one", "two"]);
});

test("tells a missing file once, and its return", async (t) => {
  const { path, log, file } = await setUp(t);
  await file.start();
  await file.check();
  await writeFile(path, "here");
  await file.check();
  await rm(path);
  await file.check();
  await file.check();
  assert.deepEqual(log, ["missing", "here", "missing"]);
});

test("a folder in its place is unreadable, not missing", async (t) => {
  const { path, log, file } = await setUp(t);
  await mkdir(path);
  await file.start();
  await file.check();
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /^unreadable EISDIR/);
});

test("looks again when the interval is over, until it is stopped", async (t) => {
  const { path, timers, log, file, read } = await setUp(t);
  await writeFile(path, "one");
  await file.start();
  await writeFile(path, "two");
  timers.advance(9_999);
  assert.equal(timers.waiting, 1);
  timers.advance(1);
  await read.promise;
  assert.deepEqual(log, ["one", "two"]);
  await file.check();
  assert.equal(timers.waiting, 1, "and again after that");
  file.stop();
  assert.equal(timers.waiting, 0);
});

test("an interval of 0 reads at the start and at a change of settings only", async (t) => {
  const { path, timers, log, file } = await setUp(t, 0);
  await writeFile(path, "one");
  await file.start();
  assert.equal(timers.waiting, 0);
  await writeFile(`${path}2`, "other");
  await file.reconfigure({ path: `${path}2`, interval: 5 });
  assert.deepEqual(log, ["one", "other"]);
  assert.equal(timers.waiting, 1);
});
