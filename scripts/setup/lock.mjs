// A lock that is a file: one process at a time. Plain JavaScript for Node 18 and later.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const LOOK_AGAIN_MS = 200;
/** A lock is written right after it was made; an empty one that is older was left behind. */
const EMPTY_FOR_MS = 5000;

/**
 * Waits until nobody else holds the lock and takes it. A lock whose owner is gone is taken over.
 *
 * @returns what gives it back; undefined when it was not free for `waitMs`
 */
export function takeLock(lock, waitMs) {
  mkdirSync(dirname(lock), { recursive: true });
  const deadline = Date.now() + waitMs;
  while (!tryLock(lock)) {
    if (Date.now() > deadline) return undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
  }
  return () => rmSync(lock, { force: true });
}

function tryLock(lock) {
  try {
    const file = openSync(lock, "wx");
    writeFileSync(file, `${process.pid}\n`);
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (!ownerIsAlive(lock)) rmSync(lock, { force: true });
  return false;
}

function ownerIsAlive(lock) {
  try {
    const pid = Number.parseInt(readFileSync(lock, "utf8"), 10);
    if (Number.isNaN(pid)) return Date.now() - statSync(lock).mtimeMs < EMPTY_FOR_MS;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, as another user.
    return error.code === "EPERM";
  }
}
