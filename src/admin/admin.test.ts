import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Metric } from "../metrics/metric.ts";
import { type FakePorts, fakePorts, fakeSession } from "./admin-test-support.ts";
import { splitWords } from "./grammar.ts";
import { createAdmin } from "./node-admin.ts";
import type { SessionInfo } from "./ports.ts";

interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  line: string,
  ports: FakePorts = fakePorts(),
  terminal = false,
  signal = new AbortController().signal,
): Promise<Answer> {
  let stdout = "";
  let stderr = "";
  const status = await createAdmin(ports).execute(splitWords(line), {
    terminal,
    signal,
    output: {
      stdout: (text) => {
        stdout += text;
      },
      stderr: (text) => {
        stderr += text;
      },
    },
  });
  return { status, stdout, stderr };
}

function lines(...parts: string[]): string {
  return parts.map((part) => `${part}\n`).join("");
}

describe("the grammar of vmq-admin", () => {
  it("takes words, then key=value, then flags in all their forms", async () => {
    for (const line of [
      "session disconnect client-id=a --mountpoint=m -c",
      "session disconnect client-id=a --mountpoint m --cleanup",
      "session disconnect client-id=a -m m -c",
      "session disconnect client-id=a -mm --cleanup",
    ]) {
      const ports = fakePorts();
      assert.deepEqual(await run(line, ports), { status: 0, stdout: "Done\n", stderr: "" }, line);
      assert.deepEqual(ports.disconnected, ["m/a/true"], line);
    }
  });

  it("keeps equal signs in values", async () => {
    const ports = fakePorts();
    await run("session disconnect client-id=YQ==", ports);
    assert.deepEqual(ports.disconnected, ["/YQ==/false"]);
  });

  for (const [line, text] of [
    ["session disconnect client-id=a --bogus", "Invalid flag: --bogus"],
    ["session disconnect client-id=a --bogus -x", "Invalid Flags: --bogus -x"],
    ["session disconnect client=a", "Invalid key: client"],
    ["session disconnect client-id=a word", "Invalid argument: word"],
    ["session disconnect client-id=a word client-id", "Invalid arguments: word client-id"],
    ["session disconnect client-id=a --cleanup=perhaps", "Invalid value: perhaps for flag: --cleanup"],
    ["session show --limit=many", "Invalid value: many for flag: --limit"],
    ["session show --bogus", 'Invalid key: "bogus"'],
    ["session show --format=xml", "Invalid value: xml for flag: --format (human, json or csv)"],
    ["show bogus other", "Invalid config keys: bogus other"],
    [
      "describe bogus retry",
      "Invalid config keys: bogus retry\n  retry: did you mean retry_interval or retry_x?",
    ],
    ["set nodename=x", 'The following config keys are not settable: ["nodename"]'],
    ["set retry_interval=abc", 'Invalid configuration: retry_interval: "abc" is no integer'],
    ["show retry_interval --node=other@host", "Target node is down: other@host"],
  ] as const) {
    it(`refuses: ${line}`, async () => {
      assert.deepEqual(await run(line), { status: 1, stdout: `${text}\n`, stderr: "" });
    });
  }

  it("answers unknown commands with the usage of what is known of them, and status 1", async () => {
    for (const line of ["", "bogus", "session", "session bogus"]) {
      const { status, stdout } = await run(line);
      assert.equal(status, 1, line);
      assert.match(
        stdout,
        line.startsWith("session") ? /^Usage: vmq-admin session / : /^Usage: vmq-admin </,
        line,
      );
      assert.match(
        stdout,
        line.startsWith("session") ? /disconnect +Disconnects a client/ : /cluster +Manages/,
        line,
      );
    }
  });

  it("answers --help with the usage, and status 0", async () => {
    const { status, stdout } = await run("session show --help");
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: vmq-admin session show\n/);
    assert.match(stdout, /peer_host/);
  });

  it("splits a line as a shell does", () => {
    assert.deepEqual(splitWords(`set a='x y'  --q "it's" '' `), ["set", "a=x y", "--q", "it's", ""]);
  });
});

describe("output formats", () => {
  it("prints a box with borders between all rows", async () => {
    const { stdout } = await run("cluster show");
    assert.equal(
      stdout,
      lines(
        "+-------------------+---------+",
        "| Node              | Running |",
        "+-------------------+---------+",
        "| VerneMQ@127.0.0.1 | true    |",
        "+-------------------+---------+",
      ),
    );
  });

  it("prints bold heads on a terminal only", async () => {
    const { stdout } = await run("cluster show", fakePorts(), true);
    assert.ok(stdout.includes("| \u001b[1mRunning\u001b[0m |"), stdout);
    assert.ok(!(await run("cluster show")).stdout.includes("\u001b"));
  });

  it("prints JSON with types", async () => {
    const { stdout } = await run("session show --format=json --client_id --is_online --user --limit=2");
    assert.deepEqual(JSON.parse(stdout), {
      type: "table",
      table: [
        { client_id: "sys-watch", is_online: true, user: null },
        { client_id: "client-a", is_online: true, user: "alice" },
      ],
    });
    assert.deepEqual(JSON.parse((await run("session disconnect --format=json")).stdout), {
      type: "alert",
      alert: [{ type: "text", text: "You have to provide a client (example client-id=my-client)" }],
    });
    assert.deepEqual(
      JSON.parse((await run("set retry_interval=1 max_inflight_messages=2 --format=json")).stdout),
      [
        { type: "text", text: 'retry_interval set to "1"' },
        { type: "text", text: 'max_inflight_messages set to "2"' },
      ],
    );
  });

  it("prints CSV tables, and alerts on standard error", async () => {
    const { stdout } = await run("retain show --format=csv");
    assert.equal(stdout, 'payload,topic\r\nhello,retained/one\r\n"{""v"":2}",retained/two\r\n');
    const refused = await run("session disconnect --format=csv");
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, /^You have to provide a client/);
  });

  it("prints nothing for an empty table", async () => {
    assert.deepEqual(await run("session show --client_id=none"), { status: 0, stdout: "", stderr: "" });
  });

  it("escapes what a client put into its id", async () => {
    const { stdout } = await run("session show --client_id", fakePorts([fakeSession("a\u001b[2Jb")]));
    assert.match(stdout, /\| a\\u\{1b\}\[2Jb \|/);
  });
});

describe("session show", () => {
  const columns = (stdout: string): string[] => (stdout.split("\r\n")[0] ?? "").split(",");
  const rows = (stdout: string): string[] => stdout.trimEnd().split("\r\n").slice(1);
  const show = async (flags: string): Promise<string> =>
    (await run(`session show --format=csv ${flags}`)).stdout;

  it("has the documented columns by default, offline sessions without connection fields", async () => {
    assert.equal(
      await show(""),
      "client_id,is_online,mountpoint,peer_host,peer_port,user\r\n" +
        "sys-watch,true,,127.0.0.1,58498,undefined\r\n" +
        "client-a,true,,127.0.0.1,58508,alice\r\n" +
        "client-c,false,,null,null,null\r\n",
    );
  });

  it("sorts the chosen columns and filters by equality and by expression", async () => {
    assert.deepEqual(columns(await show("--user --client_id --is_online=true")), ["client_id", "user"]);
    assert.deepEqual(rows(await show("--client_id --is_online=false")), ["client-c"]);
    assert.deepEqual(rows(await show("--client_id --client_id=~^client")), ["client-a", "client-c"]);
    assert.deepEqual(rows(await show("--client_id --client_id=~^client --is_online=true")), ["client-a"]);
    assert.deepEqual(rows(await show("--is_online --client_id=client-c")), ["false"]);
  });

  it("gives a row per subscription and filters them", async () => {
    assert.deepEqual(rows(await show("--client_id --topic --qos")), [
      "sys-watch,0,$SYS/#",
      "client-a,2,alerts/#",
      "client-a,1,sensors/+/temp",
      "client-c,1,alerts/#",
    ]);
    assert.deepEqual(rows(await show("--client_id --topic=alerts/#")), ["client-a", "client-c"]);
  });

  it("gives a row per stored message, payloads that are no text in base64", async () => {
    assert.deepEqual(rows(await show("--client_id --msg_ref --msg_qos --routing_key --dup --payload")), [
      "client-c,false,1,cmVmMQ==,a1,alerts/1",
      "client-c,false,1,cmVmMg==,/wA=,alerts/2",
    ]);
  });

  it("knows every field", async () => {
    const fields =
      "node mountpoint client_id queue_pid queue_size session_pid is_offline is_online statename deliver_mode " +
      "offline_messages online_messages num_sessions clean_session is_plugin queue_started_at user peer_host " +
      "peer_port protocol waiting_acks session_started_at";
    const out = await show(`${fields.replace(/(\S+)/g, "--$1")} --client_id=client-c`);
    assert.deepEqual(columns(out), fields.split(" ").sort());
    assert.deepEqual(rows(out), [
      "false,client-c,fanout,true,false,false,,VerneMQ@127.0.0.1,0,2,0,null,null,null,q1,2,1795335927850,null,null,offline,null,null",
    ]);
  });

  it("refuses an expression that is none", async () => {
    const { status, stdout } = await run("session show --client_id=~[");
    assert.equal(status, 1);
    assert.match(stdout, /^Invalid regular expression: \[/);
  });

  it("gives up an expression that takes for ever, and says which", async () => {
    const ports = fakePorts([fakeSession("a"), fakeSession(`${"a".repeat(64)}!`)]);
    const { status, stdout, stderr } = await run("session show --client_id=~^(a+)+$", ports);
    assert.deepEqual([status, stderr], [1, ""]);
    assert.match(stdout, /^The regular expression \^\(a\+\)\+\$ takes too long/);
  });

  it("matches expressions in batches, rows in their order, at every level of the join", async () => {
    const many = Array.from({ length: 2_000 }, (_, i) => fakeSession(`client-${i}`));
    const found = Array.from({ length: 2_000 }, (_, i) => `client-${i}`).filter((id) => /[05]$/.test(id));
    const { stdout } = await run(
      "session show --client_id=~[05]$ --limit=2000 --format=csv",
      fakePorts(many),
    );
    assert.deepEqual(
      rows(stdout).map((row) => row.split(",")[0]),
      found,
    );
    const few = await run("session show --client_id=~5$ --client_id --limit=3 --format=csv", fakePorts(many));
    assert.deepEqual(rows(few.stdout), ["client-5", "client-15", "client-25"]);
    assert.deepEqual(rows(await show("--client_id --topic=~^a --routing_key=~2$ --qos=1")), ["client-c"]);
    assert.deepEqual(rows(await show("--client_id --user=~.")), ["client-a"]);
  });

  it("pulls no more sessions than it needs and lets other work run during a long scan", async () => {
    let made = 0;
    function* endless(): Generator<SessionInfo> {
      for (;;) yield fakeSession(`client-${made++}`, { connection: undefined, state: "offline" });
    }
    const ports = fakePorts();
    const withEndless = { ...ports, sessions: { ...ports.sessions, sessions: endless } };
    const { stdout } = await run("session show --client_id --limit=3 --format=csv", withEndless);
    assert.deepEqual(rows(stdout), ["client-0", "client-1", "client-2"]);
    assert.equal(made, 3);

    const gone = new AbortController();
    setImmediate(() => gone.abort());
    const { status } = await run("session show --user=nobody", withEndless, false, gone.signal);
    assert.equal(status, 0);
    assert.ok(made > 3);
  });

  it("prints more rows than it measures", async () => {
    const many = Array.from({ length: 2500 }, (_, index) => fakeSession(`client-${index}`));
    const { stdout } = await run("session show --client_id --limit=2400", fakePorts(many));
    assert.equal(stdout.split("\n").filter((line) => line.includes("client-")).length, 2400);
    assert.match(stdout, /\| client-999 \|\n\+-+\+\n\| client-1000 \|/);
  });
});

describe("other commands", () => {
  it("shows a retained topic, all of them, and their mountpoints", async () => {
    assert.equal(
      (await run("retain show --topic=retained/one --format=csv")).stdout,
      "payload,topic\r\nhello,retained/one\r\n",
    );
    assert.match(
      (await run("retain show --mountpoint --topic --limit=1 --format=csv")).stdout,
      /^mountpoint,topic\r\n,/,
    );
  });

  it("shows listeners with their MQTT and TLS settings", async () => {
    assert.equal(
      (await run("listener show --format=csv")).stdout,
      "type,status,address,port,mountpoint,max_conns,active_conns,all_conns\r\nmqtt,running,127.0.0.1,1883,,10000,2,4\r\n",
    );
    assert.match((await run("listener show --mqtt")).stdout, /\| mqtt 3\.1, mqtt 3\.1\.1, mqtt 5 \| false /);
    assert.match((await run("listener show -t")).stdout, /\| tls_version \| certfile \|/);
  });

  it("shows certificates, those about to expire, and what could not be read again", async () => {
    const row = (await run("tls show --format=csv")).stdout.split("\r\n");
    assert.equal(row[0], "File,Not_Before,Not_After,CN,Issuer,SAN");
    assert.match(
      row[1] ?? "",
      /^\/etc\/ssl\/cert\.pem,(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,){2}localhost,Test Root,DNS:localhost$/,
    );
    assert.match(
      (await run("tls check --format=csv")).stdout,
      /^File,Not_Before,Not_After,SecExp,SecToVal\r\n\/etc\/ssl\/cert\.pem,[^,]+,[^,]+,86400,-3600\r\n$/,
    );
    assert.equal((await run("tls check -v 86000")).stdout, "All fine\n");
    assert.equal((await run("tls check --validity=x")).status, 1);
    assert.match(
      JSON.stringify(await run("tls clear-pem-cache")),
      /certfile \/etc\/ssl\/cert\.pem: the file is not PEM/,
    );
  });

  it("starts, stops, restarts and deletes listeners", async () => {
    const ports = fakePorts();
    const done = async (words: string): Promise<void> =>
      assert.deepEqual(await run(`listener ${words}`, ports), { status: 0, stdout: "Done\n", stderr: "" });
    await done(
      "start address=::1 port=1884 -m m1 --max_connections=infinity --proxy_protocol --psk_support=false --ssl",
    );
    await done(
      "start port=8080 address=127.0.0.1 --websocket --auth_plugins=[a,b] --save --forward_connection_opts=true",
    );
    await done("stop address=127.0.0.1 port=1884");
    await done("stop address=127.0.0.1 port=1884 -k");
    await done("restart address=127.0.0.1 port=1884");
    await done("delete address=local:/tmp/x port=0");
    assert.deepEqual(ports.calls, [
      {
        kind: "ssl",
        address: "::1",
        port: 1884,
        save: false,
        options: new Map([
          ["proxy_protocol", "on"],
          ["psk_support", "off"],
          ["mountpoint", "m1"],
          ["max_connections", "infinity"],
        ]),
      },
      {
        kind: "ws",
        address: "127.0.0.1",
        port: 8080,
        save: true,
        options: new Map([
          ["forward_connection_opts", "on"],
          ["auth_plugins", "[a,b]"],
        ]),
      },
      ["stop", "127.0.0.1", 1884, false],
      ["stop", "127.0.0.1", 1884, true],
      ["restart", "127.0.0.1", 1884],
      ["delete", "local:/tmp/x", 0],
    ]);
    assert.equal(
      (await run("listener start address=127.0.0.1 port=1", ports)).stdout,
      "can't start listener due to 'eacces': not allowed\n",
    );
    assert.equal(
      (await run("listener stop address=127.0.0.1 port=1", ports)).stdout,
      "can't stop listener due to 'not_found'\n",
    );
    assert.match((await run("listener start port=1", ports)).stdout, /provide both, address=/);
    assert.match((await run("listener start address=::1 port=2 --cafile", ports)).stdout, /--cafile needs/);
    assert.match(
      (await run("listener start address=::1 port=2 --http --websocket", ports)).stdout,
      /either HTTP or MQTT/,
    );
    assert.equal((await run("listener start address=::1 port=x", ports)).status, 1);
    assert.equal((await run("listener start address=::1 port=2 --psk_support=maybe", ports)).status, 1);
  });

  it("shows plugins with one line per hook", async () => {
    assert.equal(
      (await run("plugin show --plugin=vmq_acl")).stdout,
      lines(
        "+---------+-------------+-------------------+-----------------------------+",
        "| Plugin  | Type        | Hook(s)           | M:F/A                       |",
        "+---------+-------------+-------------------+-----------------------------+",
        "| vmq_acl | application | auth_on_publish   | vmq_acl:auth_on_publish/6   |",
        "|         |             | auth_on_subscribe | vmq_acl:auth_on_subscribe/5 |",
        "+---------+-------------+-------------------+-----------------------------+",
      ),
    );
    assert.match((await run("plugin show --internal")).stdout, /change_config/);
    assert.doesNotMatch((await run("plugin show --hook=auth_on_publish")).stdout, /auth_on_subscribe/);
  });

  it("enables and disables plugins", async () => {
    const ports = fakePorts();
    assert.equal((await run("plugin disable --name=vmq_acl", ports)).stdout, "Done\n");
    assert.equal((await run("plugin enable -n vmq_acl", ports)).stdout, "Done\n");
    assert.deepEqual(await run("plugin enable --name=vmq_acl", ports), {
      status: 0,
      stdout: "Can't enable plugin: vmq_acl due to already_enabled\n",
      stderr: "",
    });
    assert.equal(
      (await run("plugin disable --name=nope", ports)).stdout,
      "Can't disable plugin: nope due to plugin_not_found\n",
    );
    assert.equal((await run("plugin enable", ports)).stdout, "Incomplete plugin specification\n");
  });

  it("sets all or nothing, shows and describes settings", async () => {
    const ports = fakePorts();
    await run("set max_inflight_messages=30 retry_interval=x", ports);
    assert.equal(ports.settings.get("max_inflight_messages"), "20");
    await run("set max_inflight_messages=30", ports);
    assert.equal(
      (await run("show max_inflight_messages nodename --format=csv", ports)).stdout,
      "node,max_inflight_messages,nodename\r\nVerneMQ@127.0.0.1,30,VerneMQ@127.0.0.1\r\n",
    );
    assert.match(
      (await run("describe retry_interval")).stdout,
      /^retry_interval:\n {2}The maximum .*\n {2}that may/,
    );
    assert.match((await run("set")).stdout, /^Usage: vmq-admin set /);
    assert.match(
      (await run("set retry_interval=3 --all", ports)).stdout,
      /^Setting config across the cluster\n\+/,
    );
  });

  it("shows metrics added up, by label, with descriptions, and resets them", async () => {
    const ports = fakePorts();
    ports.metrics.counters.add(Metric.mqtt_publish_received_v4, 2);
    ports.metrics.counters.add(Metric.mqtt_publish_received_v5, 3);
    const all = (await run("metrics show", ports)).stdout;
    assert.match(all, /^counter\.mqtt_publish_received = 5$/m);
    assert.match(all, /^gauge\.retain_messages = 0$/m);
    assert.match(all, /^histogram\.storage_write_microseconds_bucket_infinity = 0$/m);
    const version5 = (await run("metrics show --mqtt_version=5", ports)).stdout;
    assert.match(version5, /^counter\.mqtt_publish_received = 3$/m);
    assert.doesNotMatch(version5, /socket_open|histogram/);
    assert.match(
      (await run("metrics show --aggregate=false", ports)).stdout,
      /^counter\.mqtt_publish_received\{mqtt_version="4"\} = 2$/m,
    );
    assert.match(
      (await run("metrics show -d", ports)).stdout,
      /# PUBLISH packets received\.\ncounter\.mqtt_publish_received = 5\n\n/,
    );
    assert.equal((await run("metrics reset", ports)).stdout, "Done\n");
    assert.match((await run("metrics show", ports)).stdout, /^counter\.mqtt_publish_received = 0$/m);
  });

  it("shows the state of the node", async () => {
    const ports = fakePorts();
    ports.metrics.provide("queue_processes", () => 5);
    ports.metrics.provide("total_active_connections", () => 4);
    const { stdout } = await run("node status --format=csv", ports);
    assert.match(stdout, /^Status,Value\r\nnum_online,4\r\nnum_offline,1\r\nmsg_in,0\r\n/);
    assert.match(stdout, /\r\nversion,0\.1\.0\r\n$/);
  });

  it("reports a command that fails without ending anything", async () => {
    const ports = fakePorts();
    const broken = {
      ...ports,
      sessions: { ...ports.sessions, disconnect: () => Promise.reject(new Error("store closed")) },
    };
    assert.deepEqual(await run("session disconnect client-id=a", broken), {
      status: 1,
      stdout: "",
      stderr: "The command failed: store closed\n",
    });
  });

  it("reauthorizes", async () => {
    assert.equal((await run("session reauthorize username=alice client-id=client-a")).stdout, "Done\n");
    assert.equal((await run("session reauthorize client-id=x username=alice")).stdout, "Unchanged\n");
  });
});
