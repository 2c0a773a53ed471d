import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Configuration } from "../config/configuration.ts";
import { type LoadRequest, loadConfiguration } from "../config/load.ts";
import { createLogger } from "../log/logger.ts";
import { reloader } from "./reload.ts";

describe("reading everything again", () => {
  let directory = "";
  let file = "";
  let request: LoadRequest;
  let problems: string[] = [];
  let asked = 0;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vernemq-reload-"));
    file = join(directory, "vernemq.conf");
    const directories = {
      data: directory,
      log: directory,
      etc: directory,
      run: directory,
      lib: directory,
      share: directory,
    };
    request = { confFile: file, env: {}, directories };
    problems = [];
    asked = 0;
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function write(...lines: string[]): void {
    writeFileSync(file, `${lines.join("\n")}\n`);
  }

  function load(): Configuration {
    const loaded = loadConfiguration(request);
    assert.ok(loaded.ok);
    return loaded.configuration;
  }

  function reload(configuration: Configuration) {
    const log = createLogger({
      level: "debug",
      console: {
        target: "off",
        level: "info",
        format: "text",
        file: {
          path: join(directory, "log"),
          format: "text",
          rotation: { size: Number.POSITIVE_INFINITY, time: undefined, keep: 1, compress: false },
        },
      },
      error: undefined,
      crash: undefined,
    });
    const part = {
      reload: () => {
        asked += 1;
        return Promise.resolve(problems);
      },
    };
    return reloader({ request, configuration, parts: [part], log })();
  }

  it("takes over what may change, and says what needs a restart", async () => {
    write("retry_interval = 20", "nodename = a@b", "distributed_cookie = old", "max_online_messages = 5");
    const configuration = load();
    const seen: number[] = [];
    configuration.onChange("retry_interval", () => seen.push(configuration.get("retry_interval")));
    configuration.onChange("max_online_messages", () => seen.push(-1));
    write("retry_interval = 30", "nodename = c@d", "distributed_cookie = new", "max_online_messages = 5");
    assert.deepEqual(await reload(configuration), {
      changed: [`retry_interval = 30 (${file}:1, was 20)`],
      needRestart: [
        `distributed_cookie = ****** (${file}:3, was ******)`,
        `nodename = c@d (${file}:2, was a@b)`,
      ],
      problems: [],
    });
    assert.deepEqual(seen, [30]);
    assert.equal(configuration.get("nodename"), "a@b");
    assert.equal(asked, 1);
    assert.deepEqual((await reload(configuration)).changed, []);
  });

  it("goes back to the default of a line that is gone, and to the file from what was set meanwhile", async () => {
    write("retry_interval = 30", "max_online_messages = 5");
    const configuration = load();
    assert.deepEqual(configuration.set(new Map([["max_online_messages", "7"]])), []);
    write("max_online_messages = 5");
    assert.deepEqual((await reload(configuration)).changed, [
      `max_online_messages = 5 (${file}:1, was 7)`,
      "retry_interval = 20 (was 30)",
    ]);
    assert.equal(configuration.get("retry_interval"), 20);
    assert.equal(configuration.get("max_online_messages"), 5);
  });

  it("is silent about the same value in other words", async () => {
    write("log.crash.rotation.size = 1MB", "vmq_acl.acl_file = ./etc/vmq.acl");
    const configuration = load();
    write("log.crash.rotation.size = 1MB", `vmq_acl.acl_file = ${join(directory, "vmq.acl")}`);
    assert.deepEqual(await reload(configuration), { changed: [], needRestart: [], problems: [] });
  });

  it("changes nothing when the file is wrong", async () => {
    write("retry_interval = 20");
    const configuration = load();
    write("retry_interval = 30", "max_online_mesages = 5");
    const report = await reload(configuration);
    assert.match(report.problems[0] ?? "", /vernemq\.conf:2: max_online_mesages: there is no option/);
    assert.equal(report.problems.at(-1), "the configuration is refused; what was in force stays");
    assert.deepEqual([report.changed, report.needRestart, asked], [[], [], 0]);
    assert.equal(configuration.get("retry_interval"), 20);
  });

  it("tells what is wrong with other files", async () => {
    write("retry_interval = 20");
    problems = ["vmq.acl:3: no such rule"];
    assert.deepEqual((await reload(load())).problems, problems);
  });
});
