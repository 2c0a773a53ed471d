import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type LoadResult, loadConfiguration } from "../../config/load.ts";
import { formatProblem } from "../../config/problem.ts";
import { containerConfiguration } from "./configuration.ts";
import { containerWith, testNetwork } from "./container-test-support.ts";

type Files = Readonly<Record<string, string>>;

const SHIPPED = readFileSync(join(import.meta.dirname, "../../../etc/vernemq.conf"), "utf8");

function load(context: TestContext, env: Record<string, string>, files: Files = { "vernemq.conf": SHIPPED }) {
  const places = containerWith(context, files);
  const container = containerConfiguration(places.confFile, env, testNetwork);
  const { confFile, overlay, users } = container;
  return { users, result: loadConfiguration({ ...places, confFile, overlay, env }) };
}

function values(result: LoadResult, ...keys: string[]): string[] {
  if (!result.ok) throw new Error(result.errors.map(formatProblem).join("\n"));
  return keys.map((key) => result.configuration.show(key) ?? "-");
}

function errors(result: LoadResult): string[] {
  return result.ok ? [] : result.errors.map(formatProblem);
}

describe("the configuration of a container", () => {
  it("has the container's address where the shipped file has the loopback's", (context) => {
    const { result } = load(context, {});
    assert.deepEqual(values(result, "nodename", "listener.tcp.default", "log.console"), [
      "VerneMQ@172.17.0.2",
      "172.17.0.2:1883",
      "console",
    ]);
    assert.deepEqual(result.ok && result.warnings, []);
  });

  it("keeps what a mounted file says", (context) => {
    const own = "listener.tcp.default = 0.0.0.0:1884\nlog.console = both\nnodename = own@host\n";
    const { result } = load(context, {}, { "vernemq.conf": own });
    assert.deepEqual(values(result, "nodename", "listener.tcp.default", "log.console"), [
      "own@host",
      "0.0.0.0:1884",
      "both",
    ]);
  });

  it("takes the environment before all files", (context) => {
    const env = {
      DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on",
      DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT: "0.0.0.0:1885",
      DOCKER_VERNEMQ_LOG__CONSOLE: "both",
      DOCKER_VERNEMQ_NODENAME: "broker-0",
      DOCKER_VERNEMQ_ACCEPT_EULA: "",
    };
    const files = { "vernemq.conf": SHIPPED, "conf.d/own.conf": "allow_anonymous = off\n" };
    const { result } = load(context, env, files);
    const keys = ["allow_anonymous", "listener.tcp.default", "log.console", "nodename"] as const;
    assert.deepEqual(values(result, ...keys), ["on", "0.0.0.0:1885", "both", "VerneMQ@broker-0"]);
    const full = load(context, { DOCKER_VERNEMQ_NODENAME: "mine@host" });
    assert.deepEqual(values(full.result, "nodename"), ["mine@host"]);
  });

  it("replaces references in values, and reads secrets from files", (context) => {
    const files = { "vernemq.conf": SHIPPED, "secret.txt": "/elsewhere/acl\n" };
    const env = {
      DOCKER_VERNEMQ_VMQ_ACL__ACL_FILE: "$(<secret.txt)",
      DOCKER_VERNEMQ_NODENAME: "$(POD)",
      POD: "p-1",
    };
    const { result } = load(context, env, files);
    assert.deepEqual(values(result, "vmq_acl.acl_file", "nodename"), ["/elsewhere/acl", "VerneMQ@p-1"]);
  });

  it("names the variables in errors, with those of the files", (context) => {
    const env = {
      DOCKER_VERNEMQ_MAX_INFLIGT_MESSAGES: "3",
      DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "yes",
      DOCKER_IP_ADDRESS: "nonsense",
      DOCKER_VERNEMQ_USER_BOB: "",
      DOCKER_VERNEMQ_DISTRIBUTED_COOKIE: "$(NOWHERE)",
    };
    const { result } = load(context, env, { "vernemq.conf": "retry_interval = soon\n" });
    const lines = errors(result);
    assert.match(lines[0] ?? "", /vernemq\.conf:1: retry_interval = soon: /);
    const sources = lines.slice(1).map((line) => line.split(":")[0]);
    assert.deepEqual(
      sources.sort(),
      [
        "DOCKER_IP_ADDRESS",
        "DOCKER_VERNEMQ_ALLOW_ANONYMOUS",
        "DOCKER_VERNEMQ_DISTRIBUTED_COOKIE",
        "DOCKER_VERNEMQ_MAX_INFLIGT_MESSAGES",
        "DOCKER_VERNEMQ_USER_BOB",
      ].sort(),
    );
    assert.ok(
      lines.some((line) =>
        line.startsWith(
          "DOCKER_VERNEMQ_MAX_INFLIGT_MESSAGES: max_infligt_messages: there is no option of this name; did you mean max_inflight_messages",
        ),
      ),
      lines.join("\n"),
    );
  });

  it("says what waits and what has no effect, once each", (context) => {
    const { result } = load(context, {
      DOCKER_VERNEMQ_DISCOVERY_NODE: "10.0.0.9",
      DOCKER_VERNEMQ_COMPOSE: "1",
      DOCKER_VERNEMQ_ERLANG__PROCESS_LIMIT: "512000",
      API_KEY: "secret",
    });
    assert.deepEqual(result.ok && result.warnings.map(({ text }) => text), [
      "not in effect yet, because this version lacks the cluster: DOCKER_VERNEMQ_COMPOSE, DOCKER_VERNEMQ_DISCOVERY_NODE",
      "without effect, because the broker does not use the Erlang runtime: DOCKER_VERNEMQ_ERLANG__PROCESS_LIMIT",
      "not in effect yet, because this version lacks API keys: API_KEY",
    ]);
  });

  it("is vernemq.conf.local alone when it is there", (context) => {
    const local = "listener.tcp.default = ###IPADDRESS###:1999\nlistener.tcp.two = ###IPADDRESS###:2000\n";
    const files = { "vernemq.conf": "allow_anonymous = nonsense\n", "vernemq.conf.local": local };
    const env = { DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on", DOCKER_VERNEMQ_USER_BOB: "pw" };
    const { result, users } = load(context, env, files);
    assert.deepEqual(users, []);
    const keys = ["listener.tcp.default", "listener.tcp.two", "allow_anonymous", "nodename", "log.console"];
    const expected = ["172.17.0.2:1999", "172.17.0.2:2000", "off", "VerneMQ@172.17.0.2", "file"];
    assert.deepEqual(values(result, ...keys), expected);
    const [warning] = result.ok ? result.warnings : [];
    assert.match(
      warning?.text ?? "",
      /vernemq\.conf\.local is used instead: DOCKER_VERNEMQ_ALLOW_ANONYMOUS, DOCKER_VERNEMQ_USER_BOB$/,
    );
  });

  it("has the node's own name in vernemq.conf.local, unless a variable names it", (context) => {
    const files = { "vernemq.conf.local": "nodename = own@host\n" };
    assert.deepEqual(values(load(context, {}, files).result, "nodename"), ["own@host"]);
    const env = { DOCKER_VERNEMQ_NODENAME: "x" };
    assert.deepEqual(values(load(context, env, files).result, "nodename"), ["VerneMQ@x"]);
  });

  it("reads users' passwords from files", (context) => {
    const files = { "vernemq.conf": SHIPPED, "bob.txt": "from a file\n" };
    const good = load(context, { DOCKER_VERNEMQ_USER_BOB: "$(<bob.txt)" }, files);
    assert.deepEqual(good.users, [
      { variable: "DOCKER_VERNEMQ_USER_BOB", user: "bob", password: "from a file" },
    ]);
    const bad = load(context, { DOCKER_VERNEMQ_USER_BOB: "$(<none.txt)" }, files);
    assert.match(
      errors(bad.result)[0] ?? "",
      /^DOCKER_VERNEMQ_USER_BOB: .*none\.txt: there is no such file$/,
    );
  });
});
