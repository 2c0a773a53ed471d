import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfiguration } from "./load.ts";
import { errorsOf, load, requestFor, warningsOf } from "./load-test-support.ts";

function errors(context: TestContext, text: string): readonly string[] {
  return errorsOf(requestFor(context, { "vernemq.conf": text }));
}

function warnings(context: TestContext, text: string): readonly string[] {
  return warningsOf(requestFor(context, { "vernemq.conf": text }));
}

describe("settings", () => {
  it("are the last of their key, and defaults otherwise", (t) => {
    const configuration = load(t, "retry_interval = 5\nretry_interval = 7\n");
    assert.equal(configuration.get("retry_interval"), 7);
    assert.equal(configuration.get("max_inflight_messages"), 20);
    assert.equal(configuration.get("max_client_id_size"), 23);
  });

  it("may be in a file that is missing only if it is included", (t) => {
    const missing = { ...requestFor(t, {}), confFile: "/test/none/vernemq.conf" };
    assert.deepEqual(errorsOf(missing), ["vernemq.conf cannot be read: there is no such file"]);
    assert.deepEqual(errors(t, "include none/*.conf\ninclude none.conf"), []);
  });
});

describe("includes", () => {
  it("count where they stand, in the order of their names", (t) => {
    const request = requestFor(t, {
      "vernemq.conf": "retry_interval = 1\nmax_message_rate = 1\ninclude conf.d/*.conf\nmax_message_rate = 2",
      "conf.d/20.conf": "retry_interval = 20\ninclude deeper/x.conf",
      "conf.d/10.conf": "retry_interval = 10\nmax_message_rate = 10\ntopic_max_depth = 3",
      "conf.d/30.txt": "nonsense",
      "conf.d/.hidden.conf": "nonsense",
      "conf.d/deeper/x.conf": "max_inflight_messages = 5",
    });
    const result = loadConfiguration(request);
    assert.ok(result.ok);
    assert.equal(result.configuration.get("retry_interval"), 20);
    assert.equal(result.configuration.get("max_message_rate"), 2);
    assert.equal(result.configuration.get("topic_max_depth"), 3);
    assert.equal(result.configuration.get("max_inflight_messages"), 5);
  });

  it("must not go in circles", (t) => {
    const request = requestFor(t, { "vernemq.conf": "include a.conf", "a.conf": "\ninclude vernemq.conf" });
    const folder = dirname(request.confFile);
    assert.deepEqual(errorsOf(request), [`a.conf:2: vernemq.conf includes itself`]);
    assert.ok(folder.length > 1);
  });

  it("of a file that may not be read are errors", {
    skip: process.getuid?.() === 0 && "root reads all",
  }, (t) => {
    const request = requestFor(t, { "vernemq.conf": "include a.conf", "a.conf": "" });
    chmodSync(join(dirname(request.confFile), "a.conf"), 0);
    assert.deepEqual(errorsOf(request), [
      "vernemq.conf:1: a.conf cannot be read: it may not be read (permission denied)",
    ]);
  });

  it("of a file that does not exist are warned of, unless its name has a *", (t) => {
    const result = loadConfiguration(
      requestFor(t, { "vernemq.conf": "include conf.d/*.conf\n\ninclude secrets.conf\nretry_interval = 3" }),
    );
    assert.ok(result.ok);
    assert.deepEqual(
      result.warnings.map(({ text }) => text.replaceAll(/\/\S+\//g, "")),
      ["vernemq.conf:3: nothing is included, because there is no file secrets.conf"],
    );
    assert.equal(result.configuration.get("retry_interval"), 3);
  });

  it("of what could be read for ever, or lead in a circle, are errors", {
    skip: process.platform === "win32",
  }, (t) => {
    const request = requestFor(t, {
      "vernemq.conf": "include pipe\ninclude zero\ninclude loop\ninclude null\ngraphite_prefix = $(<pipe)",
    });
    const folder = dirname(request.confFile);
    assert.equal(spawnSync("mkfifo", [join(folder, "pipe")]).status, 0);
    for (const [name, target] of [
      ["zero", "/dev/zero"],
      ["null", "/dev/null"],
      ["loop", "loop"],
    ] as const) {
      symlinkSync(target, join(folder, name));
    }
    assert.deepEqual(errorsOf(request), [
      "vernemq.conf:1: pipe cannot be read: it is a pipe, not a file",
      "vernemq.conf:2: zero cannot be read: it is a device, not a file",
      "vernemq.conf:3: loop cannot be read: its symbolic links lead in a circle",
      "vernemq.conf:5: graphite_prefix: cannot be replaced by the content of pipe: it is a pipe, not a file",
    ]);
  });

  it("of a directory are errors", (t) => {
    const request = requestFor(t, { "vernemq.conf": "include conf.d", "conf.d/a.conf": "" });
    assert.deepEqual(errorsOf(request), ["vernemq.conf:1: conf.d cannot be read: it is a directory"]);
  });
});

describe("references", () => {
  it("take the value of a key, a default, or the environment", (t) => {
    const text =
      "nodename = broker-$(retry_interval)@$(HOST)\nretry_interval = $(max_inflight_messages)\nleveldb.data_root = $(platform_data_dir)/x";
    const configuration = load(t, text, { env: { HOST: "h1", retry_interval: "no" } });
    assert.equal(configuration.get("nodename"), "broker-20@h1");
    assert.equal(configuration.get("retry_interval"), 20);
    assert.equal(configuration.get("leveldb.data_root"), "/test/data/x");
  });

  it("must have a value and no loop", (t) => {
    assert.deepEqual(
      errors(
        t,
        "nodename = $(NONE)\ngraphite_host = $(graphite_prefix)\ngraphite_prefix = a$(graphite_host)",
      ),
      [
        "vernemq.conf:1: nodename: refers to NONE, which is neither a key with a value nor an environment variable",
        "vernemq.conf:2: graphite_host: refers to itself: graphite_host -> graphite_prefix -> graphite_host",
        "vernemq.conf:3: graphite_prefix: refers to itself: graphite_prefix -> graphite_host -> graphite_prefix",
      ],
    );
  });

  it("to files take the content as it is, without its last line end, beside the file that refers", (t) => {
    const request = requestFor(t, {
      "vernemq.conf": "include conf.d/*.conf\ngraphite_host = $(graphite_api_key)",
      "conf.d/a.conf": "graphite_api_key = $(<secret)\ngraphite_prefix = $(<../prefix)",
      "conf.d/secret": "s'e $(c) # ret\n\n",
      prefix: "p",
    });
    const result = loadConfiguration(request);
    assert.ok(result.ok);
    assert.equal(result.configuration.get("graphite_api_key"), "s'e $(c) # ret\n");
    assert.equal(result.configuration.get("graphite_prefix"), "p");
    assert.equal(result.configuration.get("graphite_host"), "s'e $(c) # ret\n");
  });

  it("to files must be readable", (t) => {
    assert.deepEqual(errors(t, "graphite_prefix = $(<none)"), [
      "vernemq.conf:1: graphite_prefix: cannot be replaced by the content of none: there is no such file",
    ]);
  });
});

describe("errors", () => {
  it("are all reported, in the order of the lines", (t) => {
    const text = [
      "retry_intervall = 5",
      "allow_anonymous = yes",
      "what is this",
      "max_queued_messages = 5",
      "vmq_pulse.url = x",
      "bridge.tcp.x = y",
      "distributed_cookie = $(none)",
      "erlang.async_threads = 2000",
    ].join("\n");
    assert.deepEqual(errors(t, text), [
      "vernemq.conf:1: retry_intervall: there is no option of this name; did you mean retry_interval?",
      "vernemq.conf:2: allow_anonymous = yes: is neither on nor off; allowed: on, off",
      'vernemq.conf:3: "what is this" is neither key = value nor include PATH',
      "vernemq.conf:4: max_queued_messages: it is called max_online_messages since VerneMQ 0.10",
      "vernemq.conf:5: vmq_pulse.url: the plugin vmq_pulse was removed in VerneMQ 2.1",
      "vernemq.conf:6: bridge.tcp.x: it is called vmq_bridge.tcp.x since VerneMQ 1.0",
      "vernemq.conf:7: distributed_cookie: refers to none, which is neither a key with a value nor an environment variable",
      "vernemq.conf:8: erlang.async_threads = 2000: is out of range; allowed: a whole number from 0 to 1024",
    ]);
  });

  it("are lines that are not UTF-8, apart from comments", (t) => {
    const request = requestFor(t, { "vernemq.conf": "" });
    writeFileSync(request.confFile, Buffer.from("# M\xfcller\nnodename = M\xfcller@127.0.0.1\n", "latin1"));
    assert.deepEqual(errorsOf(request), ["vernemq.conf:2: the line is not UTF-8"]);
  });

  it("are names of nodes that cannot stand in topics and commands", (t) => {
    const allowed = "allowed: 1 to 255 characters, such as VerneMQ@127.0.0.1, without blanks, /, + and #";
    for (const name of ["a/b@c", "a+", "'a#b'", "a b", "''", "x".repeat(256)]) {
      const [error, ...others] = errors(t, `nodename = ${name}`);
      assert.ok(error?.endsWith(`: is no name of a node; ${allowed}`), error);
      assert.deepEqual(others, []);
    }
    for (const name of ["VerneMQ@::1", "M\u00fcller@host", "broker"]) {
      assert.equal(load(t, `nodename = ${name}`).get("nodename"), name);
    }
  });

  it("name the keys that begin as an unknown one", (t) => {
    assert.deepEqual(errors(t, "max_inflight = 5\nlog.console.rotation = on"), [
      "vernemq.conf:1: max_inflight: there is no option of this name; did you mean max_inflight_messages?",
      "vernemq.conf:2: log.console.rotation: there is no option of this name; did you mean log.console.rotation.keep or log.console.rotation.size or log.console.rotation.compress_on_rotate?",
    ]);
  });

  it("name the attribute of a listener that was probably meant", (t) => {
    const [first, second, ...others] = errors(t, "listener.tcp.max_conections = 5\nlistener.ws.cafile = x");
    assert.match(first ?? "", /did you mean listener.tcp.max_connections\?$/);
    assert.match(
      second ?? "",
      /^vernemq.conf:2: listener.ws.cafile: there is no option of this name; did you mean/,
    );
    assert.deepEqual(others, []);
  });

  it("do not show secrets", (t) => {
    const [error] = errors(t, "vmq_bridge.tcp.x.password = geheim$(none)");
    assert.ok(error !== undefined && !error.includes("geheim"));
  });

  it("are webhooks without hook or endpoint, and chains with plugins that are off", (t) => {
    assert.deepEqual(errors(t, "vmq_webhooks.a.hook = on_publish\nvmq_webhooks.b.endpoint = http://x"), [
      "vernemq.conf:1: vmq_webhooks.a.hook: vmq_webhooks.a.endpoint is missing",
      "vernemq.conf:2: vmq_webhooks.b.endpoint: vmq_webhooks.b.hook is missing",
    ]);
    const text = "listener.tcp.a = 127.0.0.1:1\nlistener.tcp.a.auth_plugins = vmq_passwd,vmq_nope";
    assert.deepEqual(errors(t, text), [
      "vernemq.conf:2: listener.tcp.a.auth_plugins = vmq_passwd,vmq_nope: names the plugin vmq_nope, which is not enabled; allowed: plugins with plugins.NAME = on (vmq_acl, vmq_passwd)",
    ]);
    assert.deepEqual(errors(t, `${text}\nplugins.vmq_nope = on`), []);
  });

  it("are syslog over TLS without what it needs, and a name with blanks", (t) => {
    const tls = "log.syslog = on\nlog.syslog.remote.host = h\nlog.syslog.remote.protocol = tls";
    assert.deepEqual(errors(t, tls), [
      "vernemq.conf:3: log.syslog.format: log.syslog.format must be rfc5424 for TLS SysLog",
      "vernemq.conf:3: log.syslog.remote.protocol: log.syslog.remote.tls.cafile is required for TLS SysLog",
    ]);
    const whole = `${tls}\nlog.syslog.format = rfc5424\nlog.syslog.remote.tls.cafile = /ca.pem`;
    assert.deepEqual(errors(t, whole), []);
    assert.deepEqual(errors(t, tls.replace("log.syslog = on", "log.syslog = off")), []);
    const [error] = errors(t, "log.syslog.app_name = my broker");
    assert.match(error ?? "", /log\.syslog\.app_name = my broker: .*; allowed: 1 to 48 characters of ASCII/);
  });
});

describe("lines that nobody can read", () => {
  it("come with what may have been meant", (t) => {
    const end = "is neither key = value nor include PATH";
    for (const [line, expected] of [
      [
        "max_inflight_messages 5",
        `"max_inflight_messages 5" ${end}; did you mean max_inflight_messages = 5?`,
      ],
      ["listener: x", `"listener: x" ${end}; did you mean listener = x?`],
      ["// x", `"// x" ${end}; a comment begins with #`],
      ["[tcp]", `"[tcp]" ${end}; there are no sections: every key is written whole`],
      ["a\u00a0= on", `"a\u00a0= on" ${end}; it has a no-break space (U+00A0): write it anew by hand`],
      ["a\u0001b", `"a\\u{1}b" ${end}`],
      ["x".repeat(500), `"${"x".repeat(120)}…" ${end}`],
    ] as const) {
      assert.deepEqual(errors(t, line), [`vernemq.conf:1: ${expected}`]);
    }
  });

  it("are one error in a file of UTF-16", (t) => {
    const request = requestFor(t, { "vernemq.conf": "" });
    writeFileSync(request.confFile, "\ufeffallow_anonymous = on\nretry_interval = 5\n", "utf16le");
    assert.deepEqual(errorsOf(request), ["vernemq.conf:1: the file is UTF-16; save it as UTF-8"]);
  });
});

describe("values that surprise", () => {
  it("are warned of, or explain an error", (t) => {
    for (const [value, odd] of [
      ['"x@y"', "the double quotes are a part of the value; single quotes are not"],
      ["“x@y”", "these quotes are a part of the value; only ' is not"],
      [`x@$${"{HOST}"}`, `$${"{HOST}"} is not replaced; $(HOST) is`],
      ["x\u200b@y", "it has a character that nobody sees"],
    ] as const) {
      assert.deepEqual(warnings(t, `nodename = ${value}`), [`vernemq.conf:1: nodename = ${value}: ${odd}`]);
    }
    const [error] = errors(t, 'retry_interval = "5"');
    assert.match(error ?? "", /"5": is not a whole number \(the double quotes are a part of the value;/);
    assert.doesNotMatch(warnings(t, 'distributed_cookie = "a"').join(), /quotes/);
  });

  it("are two for one key in one file", (t) => {
    const twice = "retry_interval = 5\nretry_interval = 7";
    assert.deepEqual(warnings(t, twice), [
      "vernemq.conf:2: retry_interval is set in line 1 too; the last one counts",
    ]);
    assert.equal(load(t, twice).get("retry_interval"), 7);
    assert.deepEqual(warnings(t, "retry_interval = 5\nretry_interval = 5"), []);
  });
});

describe("warnings", () => {
  it("come once for each part that is missing and each reason, and name the lines", (t) => {
    const text = [
      "graphite_enabled = on",
      "graphite_host = h",
      "listener.vmqs.default = 127.0.0.1:44054",
      "allow_multiple_sessions = on",
      "erlang.max_ports = 5000",
      "retry_interval = 3",
    ].join("\n");
    assert.deepEqual(warnings(t, text), [
      "without effect: a client id belongs to one session, as MQTT demands: allow_multiple_sessions (vernemq.conf:4)",
      "without effect: the limit is that of the operating system for open files: erlang.max_ports (vernemq.conf:5)",
      "not in effect yet, because this version lacks metrics for Graphite: graphite_enabled (vernemq.conf:1), graphite_host (vernemq.conf:2)",
      "not in effect yet, because this version lacks the cluster: listener.vmqs.default (vernemq.conf:3)",
    ]);
  });

  it("come for options of a listener without an address", (t) => {
    const text = [
      "listener.tcp.default = 127.0.0.1:1883",
      "listener.tcp.default.max_connections = 5",
      "listener.tcp.defualt.max_connections = 6",
      "listener.tcp.defualt.mountpoint = x",
      "listener.http.status.http_modules = vmq_status_http",
    ].join("\n");
    assert.deepEqual(warnings(t, text).slice(-1), [
      "there is no such listener, because listener.tcp.defualt = IP:PORT is missing: listener.tcp.defualt.max_connections (vernemq.conf:3), listener.tcp.defualt.mountpoint (vernemq.conf:4)",
    ]);
  });

  it("come for a # that ends a value it touches", (t) => {
    const text = "systree_mountpoint = a/#\nretry_interval = 3 # seconds\nsystree_mountpoint = a/# # again";
    assert.deepEqual(warnings(t, text).slice(0, 1), [
      "vernemq.conf:3: systree_mountpoint = a/: what follows is a comment, because # begins one; a value with a # needs single quotes around it",
    ]);
    assert.deepEqual(warnings(t, "systree_mountpoint = 'a#b' # b"), []);
  });

  it("do not come for what happens anyway", (t) => {
    const text = [
      "graphite_enabled = off",
      "listener.http.default = 127.0.0.1:8888",
      "listener.vmq.clustering = 0.0.0.0:44053",
      "listener.ssl.name.allow_anonymous_override = off",
      "listener.tcp.default.nr_of_acceptors = 10",
      "leveldb.compression.algorithm = lz4",
      "log.sasl.file = /test/log/sasl.log",
      "accept_eula = yes",
      "queue_deliver_mode = fanout",
      "log.crash.rotation.size = 5MB",
      "log.console.file.format = json",
    ].join("\n");
    assert.deepEqual(warnings(t, text), []);
  });
});

describe("syslog", () => {
  it("with facts about a server and without its name is warned of", (t) => {
    const text = "log.syslog = on\nlog.syslog.remote.port = 514\nlog.syslog.remote.protocol = tcp";
    assert.deepEqual(warnings(t, text), [
      "without effect, because log.syslog.remote.host is missing: log.syslog.remote.protocol (vernemq.conf:3)",
    ]);
    assert.deepEqual(warnings(t, `${text}\nlog.syslog.remote.host = h`), []);
    assert.deepEqual(warnings(t, text.replace("on", "off")), []);
  });
});

describe("directories", () => {
  it("take relative paths by their first word, others from the directory of the configuration", (t) => {
    const text =
      "vmq_acl.acl_file = ./etc/a/vmq.acl\nlog.console.file = log/x.log\nlog.error.file = /var/e.log\nvmq_passwd.password_file = mine/pw";
    const configuration = load(t, text);
    assert.equal(configuration.get("vmq_acl.acl_file"), "/test/etc/a/vmq.acl");
    assert.equal(configuration.get("log.console.file"), "/test/log/x.log");
    assert.equal(configuration.get("log.error.file"), "/var/e.log");
    assert.equal(configuration.get("vmq_passwd.password_file"), "/test/etc/mine/pw");
  });

  it("given on the command line win over platform_data_dir", (t) => {
    const text = "platform_data_dir = /elsewhere";
    const fromFile = load(t, text);
    assert.equal(fromFile.directories.data, "/elsewhere");
    assert.equal(fromFile.get("vmq_generic_msg_store.store_dir"), "/elsewhere/msgstore");
    const given = load(t, text, { given: { data: "/given", log: "/given/log" } });
    assert.equal(given.get("platform_data_dir"), "/given");
    assert.equal(given.get("vmq_generic_msg_store.store_dir"), "/given/msgstore");
    assert.equal(given.get("log.console.file"), "/given/log/console.log");
    assert.equal(load(t, "").get("vmq_generic_msg_store.store_dir"), "/test/data/msgstore");
  });
});

describe("former keys", () => {
  it("log.crash.size stands for log.crash.rotation.size unless that is set", (t) => {
    assert.equal(load(t, "").get("log.crash.rotation.size"), 10 * 1024 ** 2);
    assert.equal(load(t, "log.crash.size = 1MB").get("log.crash.rotation.size"), 1024 ** 2);
    const both = load(t, "log.crash.rotation.size = 2MB\nlog.crash.size = 1MB");
    assert.equal(both.get("log.crash.rotation.size"), 2 * 1024 ** 2);
  });
});
