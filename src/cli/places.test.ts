import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { installation } from "./installation.ts";
import { openFilesLimit, openFilesWarning } from "./open-files.ts";
import { placeArguments, places } from "./places.ts";

describe("places", () => {
  it("lie below the root of the installation by default", () => {
    const { confFile, directories, given } = places({}, {}, installation("/opt/vernemq"));
    assert.equal(confFile, "/opt/vernemq/etc/vernemq.conf");
    assert.deepEqual(directories, {
      etc: "/opt/vernemq/etc",
      data: "/opt/vernemq/data",
      log: "/opt/vernemq/log",
      run: "/opt/vernemq/run",
      lib: "/opt/vernemq/lib",
      share: "/opt/vernemq/share",
    });
    assert.deepEqual(given, {});
  });

  it("are taken from options before the environment", () => {
    const env = {
      VERNEMQ_CONF: "/e/x.conf",
      VERNEMQ_DATA_DIR: "/e/data",
      VERNEMQ_LOG_DIR: "",
      VERNEMQ_RUN_DIR: "/e/run",
    };
    const where = places({ dataDir: "/o/data" }, env, installation("/opt/vernemq"));
    assert.equal(where.confFile, "/e/x.conf");
    assert.deepEqual(where.given, { data: "/o/data", run: "/e/run" });
    assert.equal(where.directories.log, "/opt/vernemq/log");
    assert.deepEqual(placeArguments(where), [
      "--conf",
      "/e/x.conf",
      "--data-dir",
      "/o/data",
      "--run-dir",
      "/e/run",
    ]);
  });
});

describe("the limit of open files", () => {
  it("is read where the system tells it", () => {
    const directory = mkdtempSync(join(tmpdir(), "vernemq-limits-"));
    const file = join(directory, "limits");
    writeFileSync(
      file,
      "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096     files\n",
    );
    assert.equal(openFilesLimit(file), 1024);
    writeFileSync(file, "Max open files            unlimited                 unlimited     files\n");
    assert.equal(openFilesLimit(file), Number.POSITIVE_INFINITY);
    assert.equal(openFilesLimit(join(directory, "absent")), undefined);
    rmSync(directory, { recursive: true });
  });

  it("is warned about when it is low", () => {
    assert.match(openFilesWarning(1024), /ulimit -n is 1024; 65536 is the recommended minimum/);
    assert.equal(openFilesWarning(65_536), "");
    assert.equal(openFilesWarning(undefined), "");
  });
});
