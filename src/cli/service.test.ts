import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fakePorts } from "../admin/admin-test-support.ts";
import { ControlServer } from "../admin/control-server.ts";
import { createAdmin } from "../admin/node-admin.ts";
import { installation } from "./installation.ts";
import { type Places, places } from "./places.ts";
import { managedService, type Service } from "./service.ts";

describe("the service of an installed broker", () => {
  let directory = "";
  let where: Places;
  let calls: string[] = [];
  let properties: Record<string, string> = {};
  let failing = "";

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-managed-"));
    writeFileSync(join(directory, "cgroup"), "0::/user.slice/session-1.scope\n");
    mkdirSync(join(directory, "booted"));
    const options = { conf: join(directory, "none.conf"), runDir: join(directory, "run") };
    where = places(options, {}, installation("/"));
    calls = [];
    properties = { LoadState: "loaded", ActiveState: "inactive", MainPID: "0" };
    failing = "";
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function find(uid = 0, changes: Record<string, string> = {}): Service | undefined {
    return managedService(
      "vernemq.service",
      (program, argv) => {
        const property = /^--property=(\w+)$/.exec(argv[1] ?? "")?.[1];
        if (property !== undefined) return { status: 0, stdout: `${properties[property] ?? ""}\n` };
        calls.push([program, ...argv].join(" "));
        return { status: argv[0] === failing ? 1 : 0, stdout: "" };
      },
      { uid, booted: join(directory, "booted"), cgroup: join(directory, "cgroup"), ...changes },
    );
  }

  function service(): Service {
    const found = find();
    assert.ok(found !== undefined);
    return found;
  }

  async function running(use: () => Promise<void>): Promise<void> {
    const control = await ControlServer.open({
      runDirectory: where.directories.run,
      node: "n",
      version: "1",
      onStop: () => {},
    });
    control.serve({ name: "n", admin: createAdmin(fakePorts()), reload: () => Promise.resolve(0) });
    try {
      await use();
    } finally {
      await control.close();
    }
  }

  it("is systemd's business only for root, on a system that it runs, outside of the unit", () => {
    assert.ok(find() !== undefined);
    assert.equal(find(1000), undefined);
    assert.equal(find(0, { booted: join(directory, "gone") }), undefined);
    assert.equal(managedService(undefined), undefined);
    properties.LoadState = "not-found";
    assert.equal(find(), undefined);
    properties.LoadState = "loaded";
    writeFileSync(join(directory, "cgroup"), "0::/system.slice/vernemq.service\n");
    assert.equal(find(), undefined);
  });

  it("starts", async () => {
    assert.equal(await service().start(where), 0);
    assert.deepEqual(calls, ["systemctl start vernemq.service"]);
    await running(async () => assert.equal(await service().start(where), 1));
    assert.equal(calls.length, 1);
  });

  it("asks the journal why it does not start", async () => {
    failing = "start";
    assert.equal(await service().start(where), 1);
    assert.match(calls[1] ?? "", /^journalctl .*--unit=vernemq\.service --since=@\d+ --lines=20$/);
  });

  it("stops, also while it is about to be started again", async () => {
    assert.equal(await service().stop(where), 1);
    properties.ActiveState = "activating";
    assert.equal(await service().stop(where), 0);
    assert.deepEqual(calls, ["systemctl stop vernemq.service"]);
    properties.MainPID = String(process.pid);
    await running(async () => assert.equal(await service().stop(where), 0));
    assert.equal(calls.length, 2);
  });

  it("leaves a node that is not its own alone", async () => {
    properties.MainPID = "1";
    await running(async () => {
      assert.equal(await service().stop(where), undefined);
      assert.equal(await service().restart(where), undefined);
    });
    assert.deepEqual(calls, []);
  });

  it("restarts", async () => {
    assert.equal(await service().restart(where), 0);
    properties.MainPID = String(process.pid);
    await running(async () => assert.equal(await service().restart(where), 0));
    assert.deepEqual(calls, ["systemctl restart vernemq.service", "systemctl restart vernemq.service"]);
  });
});
