import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { AccountError, becomeOwner } from "./account.ts";

describe("the account of an installed broker", () => {
  let directory = "";
  let users = "";
  let calls: string[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-account-"));
    users = join(directory, "passwd");
    const { uid, gid } = statSync(directory);
    writeFileSync(users, `root:x:0:0::/root:/bin/sh\nbroker:x:${uid + 1}:${gid}::/var/lib/broker:/bin/sh\n`);
    calls = [];
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const own = (): number => statSync(directory).uid;

  function as(
    uid: number,
    env: Record<string, string | undefined> = {},
    name: string | undefined = "broker",
  ) {
    const note =
      (call: string) =>
      (...values: string[]) =>
        void calls.push(`${call} ${values.join(" ")}`);
    const account = {
      getuid: () => uid,
      initgroups: note("initgroups"),
      setgid: note("setgid"),
      setuid: note("setuid"),
    };
    becomeOwner({ user: name, run: directory }, env, account, users);
  }

  it("is what root becomes, in the right order", () => {
    const env = { HOME: "/root" };
    as(0, env);
    assert.deepEqual(calls, ["initgroups broker broker", "setgid broker", "setuid broker"]);
    assert.deepEqual(env, { HOME: "/var/lib/broker", USER: "broker", LOGNAME: "broker" });
  });

  it("changes nothing for its user, and where there is none", () => {
    as(own() + 1);
    becomeOwner({ user: undefined, run: directory }, {}, { getuid: () => 0 }, users);
    becomeOwner({ user: "broker", run: directory }, {}, {}, users);
    assert.deepEqual(calls, []);
  });

  it("is nobody else's", () => {
    assert.throws(
      () => as(own() + 2),
      new AccountError("You need to be root or use sudo to run this command"),
    );
    assert.deepEqual(calls, []);
  });

  it("must be there", () => {
    assert.throws(
      () => as(0, {}, "gone"),
      new AccountError("The user gone of this installation does not exist"),
    );
  });

  it("owns the run directory", {
    skip: process.getuid?.() === 0 ? false : "only root may give directories away",
  }, () => {
    const run = join(directory, "run");
    becomeOwner({ user: "broker", run }, {}, { getuid: () => 0 }, users);
    assert.deepEqual([statSync(run).uid, statSync(run).mode & 0o777], [own() + 1, 0o700]);
  });
});
