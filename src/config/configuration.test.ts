import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Configuration } from "./configuration.ts";
import { load } from "./load-test-support.ts";
import { pluginSettings } from "./plugin-settings.ts";
import { runtimeSettings } from "./runtime-settings.ts";

function change(configuration: Configuration, ...pairs: readonly (readonly [string, string])[]) {
  return configuration.set(new Map(pairs));
}

describe("a change on the running node", () => {
  it("counts at once for all who read the option, and calls each listener once", (t) => {
    const configuration = load(t, "");
    const live = configuration.live("retry_interval");
    const seen: string[] = [];
    const stop = configuration.onChange(["retry_interval", "queue_type"], () => {
      seen.push(`${configuration.get("retry_interval")} ${configuration.get("queue_type")}`);
    });
    assert.deepEqual(change(configuration, ["retry_interval", "30"], ["queue_type", "lifo"]), []);
    assert.equal(live.value, 30);
    change(configuration, ["max_inflight_messages", "1"]);
    assert.equal(configuration.get("max_inflight_messages"), 1);
    assert.deepEqual(seen, ["30 lifo"]);
    change(configuration, ["retry_interval", "35"]);
    assert.deepEqual(seen, ["30 lifo", "35 lifo"]);
    stop();
    change(configuration, ["retry_interval", "40"]);
    assert.equal(seen.length, 2);
    assert.equal(live.value, 40);
  });

  it("is refused with the reason, and then nothing changes", (t) => {
    const configuration = load(t, "");
    const refusals = change(
      configuration,
      ["max_inflight_messages", "5"],
      ["retry_interval", "abc"],
      ["retry_intervall", "1"],
      ["topic_max_depth", "5"],
    );
    assert.deepEqual(refusals, [
      {
        key: "retry_interval",
        reason: "invalid",
        text: "retry_interval = abc: is not a whole number; allowed: a whole number of at least 0",
      },
      {
        key: "retry_intervall",
        reason: "unknown",
        text: "retry_intervall: there is no option of this name; did you mean retry_interval?",
      },
      {
        key: "topic_max_depth",
        reason: "not settable",
        text: `topic_max_depth: it can only be set in ${configuration.confFile}`,
      },
    ]);
    assert.equal(configuration.get("max_inflight_messages"), 20);
    assert.equal(configuration.get("retry_interval"), 20);
  });

  it("can be made by commands", (t) => {
    const settings = runtimeSettings(load(t, ""));
    assert.deepEqual(
      ["retry_interval", "topic_max_depth", "nonsense"].map((key) => [
        settings.isKnown(key),
        settings.isSettable(key),
      ]),
      [
        [true, true],
        [true, false],
        [false, false],
      ],
    );
    assert.deepEqual(settings.nearest("max_inflight"), ["max_inflight_messages"]);
    assert.ok(new Set(settings.keys()).has("listener.max_connections"));
    assert.deepEqual(settings.set(new Map([["retry_interval", "9"]])), []);
    assert.equal(settings.value("retry_interval"), "9");
    assert.match(settings.set(new Map([["retry_interval", "x"]]))[0] ?? "", /^retry_interval = x: /);
    assert.match(settings.describe("retry_interval"), /^After .*\. Unit: seconds\.$/s);
    for (const line of settings.describe("retry_interval").split("\n")) assert.ok(line.length <= 78);
  });
});

describe("what is shown", () => {
  it("has paths in full and secrets masked", (t) => {
    const configuration = load(t, "vmq_acl.acl_file = ./etc/x\nvmq_bridge.tcp.b.password = geheim");
    assert.equal(configuration.show("vmq_acl.acl_file"), "/test/etc/x");
    assert.equal(configuration.show("vmq_bridge.tcp.b.password"), "******");
    assert.equal(configuration.show("distributed_cookie"), "******");
    assert.equal(configuration.show("allow_anonymous"), "off");
    assert.equal(configuration.show("log.syslog.remote.host"), undefined);
    assert.equal(configuration.show("systree_mountpoint"), "");
    assert.equal(configuration.show("nonsense"), undefined);
  });

  it("is all settings and defaults, sorted, and loads again", (t) => {
    const configuration = load(t, "graphite_prefix = '# x'\nplugins.mine = on\nlistener.tcp.a = 127.0.0.1:5");
    const lines = configuration.effective();
    assert.deepEqual(lines, [...lines].sort());
    assert.ok(lines.length > 350);
    for (const line of [
      "allow_anonymous = off",
      "graphite_prefix = '# x'",
      "plugins.mine = on",
      "listener.tcp.a = 127.0.0.1:5",
      "systree_mountpoint = ''",
      "platform_data_dir = /test/data",
      "distributed_cookie = ******",
    ]) {
      assert.ok(lines.includes(line), line);
    }
    assert.deepEqual(load(t, lines.join("\n")).effective(), lines);
  });
});

describe("plugins", () => {
  it("come in the order of their priority, then of their names", (t) => {
    const text = [
      "plugins.zeta = on",
      "plugins.zeta.path = /p",
      "plugins.zeta.priority = 5",
      "plugins.alpha = off",
      "plugins.vmq_passwd.priority = 1",
      "plugins.vmq_acl = off",
    ].join("\n");
    const settings = pluginSettings(load(t, text));
    assert.deepEqual(
      settings.map(({ name, enabled }) => `${name} ${enabled ? "on" : "off"}`),
      [
        "vmq_passwd on",
        "zeta on",
        "alpha off",
        "vmq_acl off",
        "vmq_bridge off",
        "vmq_diversity off",
        "vmq_webhooks off",
      ],
    );
    assert.equal(settings[1]?.path, "/p");
  });
});
