import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { load } from "../config/load-test-support.ts";
import { logOptions, syslogOptions } from "./log-options.ts";

describe("logOptions", () => {
  it("gives the documented defaults", (context) => {
    const rotation = { size: Number.POSITIVE_INFINITY, time: undefined, keep: 5, compress: false };
    assert.deepEqual(logOptions(load(context, "")), {
      level: "debug",
      template: "extended",
      maximumCrashReport: 64 * 1024,
      console: {
        target: "file",
        level: "info",
        file: { path: "/test/log/console.log", format: "text", rotation },
        format: "text",
      },
      error: { path: "/test/log/error.log", format: "text", rotation },
      crash: {
        path: "/test/log/crash.log",
        format: "text",
        rotation: { ...rotation, size: 10 * 1024 * 1024, time: { every: "day", hour: 0 } },
      },
    });
  });

  it("writes to the file only where nobody sees standard output", (context) => {
    for (const [target, background] of [
      ["off", "off"],
      ["file", "file"],
      ["console", "file"],
      ["both", "file"],
    ]) {
      const configuration = load(context, `log.console = ${target}`);
      assert.equal(logOptions(configuration, { background: true }).console.target, background);
      assert.equal(logOptions(configuration).console.target, target);
    }
  });

  it("takes everything from the log keys", (context) => {
    const write = () => undefined;
    const options = logOptions(
      load(
        context,
        [
          "log.console = both",
          "log.console.level = debug",
          "log.console.file = /elsewhere/vmq.log",
          "log.console.file.format = json",
          "log.console.console.format = json",
          "log.console.rotation.size = 1MB",
          "log.console.rotation.keep = 2",
          "log.console.rotation.compress_on_rotate = on",
          "log.error = off",
          "log.crash = off",
          "log.level = warning",
          "log.template = simple",
          "log.crash.maximum_message_size = 1KB",
        ].join("\n"),
      ),
      { writeLog: write },
    );
    assert.deepEqual(options, {
      level: "warning",
      template: "simple",
      maximumCrashReport: 1024,
      console: {
        target: "both",
        level: "debug",
        file: {
          path: "/elsewhere/vmq.log",
          format: "json",
          rotation: { size: 1024 * 1024, time: undefined, keep: 2, compress: true },
        },
        format: "json",
        write,
      },
      error: undefined,
      crash: undefined,
    });
  });

  it("knows the older name of the crash log's size", (context) => {
    const sizeOf = (text: string) => logOptions(load(context, text)).crash?.rotation.size;
    assert.equal(sizeOf("log.crash.size = 1MB"), 1024 * 1024);
    assert.equal(sizeOf("log.crash.size = 1MB\nlog.crash.rotation.size = 2MB"), 2 * 1024 * 1024);
  });
});

describe("syslogOptions", () => {
  it("is nothing unless syslog is on", (context) => {
    assert.equal(syslogOptions(load(context, "log.syslog.facility = user")), undefined);
  });

  it("takes everything from the syslog keys", (context) => {
    assert.deepEqual(syslogOptions(load(context, "log.syslog = on")), {
      level: "debug",
      format: "rfc3164",
      facility: "daemon",
      appName: "vernemq",
      remote: undefined,
    });
    const text = [
      "log.syslog = on",
      "log.syslog.level = warning",
      "log.syslog.format = rfc5424",
      "log.syslog.facility = kernel",
      "log.syslog.app_name = mqtt",
      "log.syslog.remote.host = logs.example.org",
      "log.syslog.remote.port = 6514",
      "log.syslog.remote.protocol = tls",
      "log.syslog.remote.tls.cafile = ./etc/ca.pem",
    ].join("\n");
    const options = syslogOptions(load(context, text));
    assert.deepEqual(
      { ...options, remote: { ...options?.remote, caFile: "…" } },
      {
        level: "warning",
        format: "rfc5424",
        facility: "kernel",
        appName: "mqtt",
        remote: { host: "logs.example.org", port: 6514, protocol: "tls", caFile: "…" },
      },
    );
    assert.match(options?.remote?.caFile ?? "", /^\/.*\/ca\.pem$/);
  });
});
