import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { load } from "./load.fixture.ts";
import { pluginSettings } from "./plugin-settings.ts";

describe("a change on the running node", () => {
  it("counts at once for all who read the option, and calls listeners", (t) => {
    const configuration = load(t, "");
    const live = configuration.live("retry_interval");
    const seen: number[] = [];
    const stop = configuration.onChange(["retry_interval", "queue_type"], () => {
      seen.push(configuration.get("retry_interval"));
    });
    assert.deepEqual(configuration.set("retry_interval", "30"), {
      ok: true,
      key: "retry_interval",
      value: "30",
    });
    assert.equal(configuration.get("retry_interval"), 30);
    assert.equal(live.value, 30);
    assert.equal(configuration.set("queue_type", "lifo").ok, true);
    assert.equal(configuration.set("max_inflight_messages", "1").ok, true);
    assert.deepEqual(seen, [30, 30]);
    stop();
    configuration.set("retry_interval", "40");
    assert.deepEqual(seen, [30, 30]);
    assert.equal(live.value, 40);
  });

  it("is refused with the reason and changes nothing", (t) => {
    const configuration = load(t, "");
    assert.deepEqual(configuration.set("retry_interval", "abc"), {
      ok: false,
      reason: "invalid",
      text: "retry_interval = abc: is not a whole number; allowed: a whole number of at least 0",
    });
    assert.deepEqual(configuration.set("retry_intervall", "1"), {
      ok: false,
      reason: "unknown",
      text: "retry_intervall: there is no option of this name; did you mean retry_interval?",
    });
    const fixed = configuration.set("topic_max_depth", "5");
    assert.ok(!fixed.ok && fixed.reason === "not_settable");
    assert.equal(configuration.get("retry_interval"), 20);
    assert.equal(configuration.get("topic_max_depth"), 10);
  });
});

describe("what is shown", () => {
  it("has paths in full and secrets masked", (t) => {
    const configuration = load(t, "vmq_acl.acl_file = ./etc/x\nvmq_bridge.tcp.b.password = geheim");
    assert.equal(configuration.show("vmq_acl.acl_file"), "/test/etc/x");
    assert.equal(configuration.show("vmq_bridge.tcp.b.password"), "******");
    assert.equal(configuration.show("distributed_cookie"), "******");
    assert.equal(configuration.show("allow_anonymous"), "off");
    assert.equal(configuration.show("log.syslog.remote.host"), "");
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
