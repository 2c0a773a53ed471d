import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readVariables } from "./variables.ts";

function settings(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(readVariables(env).settings.map(({ key, value }) => [key, value]));
}

function problems(env: Record<string, string>): string[] {
  return readVariables(env).problems.map(({ place, problem }) => `${place?.source}: ${problem}`);
}

describe("variables of a container", () => {
  it("are settings: lower case, two underscores are a dot", () => {
    const env = {
      DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on",
      DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT: "0.0.0.0:1883",
      DOCKER_VERNEMQ_VMQ_WEBHOOKS__POOL_timeout: "6000",
      "DOCKER_VERNEMQ_LOG.CONSOLE.LEVEL": "debug",
      DOCKER_VERNEMQ_ACCEPT_EULA: "yes",
      DOCKER_VERNEMQ_ERLANG__DISTRIBUTION__INTERFACE: "10.0.0.1",
      PATH: "/bin",
      VERNEMQ_CONTAINER: "1",
      XDOCKER_VERNEMQ_NODE: "x",
    };
    assert.deepEqual(settings(env), {
      allow_anonymous: "on",
      "listener.tcp.default": "0.0.0.0:1883",
      "vmq_webhooks.pool_timeout": "6000",
      "log.console.level": "debug",
      accept_eula: "yes",
      "erlang.distribution.interface": "10.0.0.1",
    });
  });

  for (const [name, text, value] of [
    ["a value with two underscores and a #", "a__b # c", "a__b # c"],
    ["blanks around it", "  x ", "x"],
    ["nothing", "", ""],
    ["quotes as in the file", "' x '", " x "],
    ["three quotes", "'''a'b'''", "a'b"],
    ["a quote alone", "'", "'"],
    ["a quote inside", "it's", "it's"],
    ["several lines", "a\nb", "a\nb"],
  ] as const) {
    it(`have a value with ${name}`, () => {
      assert.deepEqual(settings({ DOCKER_VERNEMQ_NAME: text }), { name: value });
    });
  }

  it("name users in lower case, with any password", () => {
    const { users, settings: none } = readVariables({
      DOCKER_VERNEMQ_USER_ALICE: " a=b c'#",
      "DOCKER_VERNEMQ_USER_sensor-7": "$(</run/secrets/sensor)",
      DOCKER_VERNEMQ_USER_A__B: "x",
    });
    assert.deepEqual(none, []);
    assert.deepEqual(
      users.map(({ user, password }) => [user, password]),
      [
        ["alice", " a=b c'#"],
        ["a__b", "x"],
        ["sensor-7", "$(</run/secrets/sensor)"],
      ],
    );
  });

  it("name the node, other nodes and the runtime", () => {
    const read = readVariables({
      DOCKER_VERNEMQ_NODENAME: " host-1 ",
      DOCKER_VERNEMQ_DISCOVERY_NODE: "10.0.0.1",
      DOCKER_VERNEMQ_DISCOVERY_KUBERNETES: "1",
      DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR: "app=vernemq",
      DOCKER_VERNEMQ_SWARM: "1",
      DOCKER_VERNEMQ_COMPOSE: "1",
      DOCKER_VERNEMQ_ERLANG__MAX_PORTS: "512000",
      DOCKER_VERNEMQ_ERLANG__DISTRIBUTION_BUFFER_SIZE: "32768",
      DOCKER_VERNEMQ_ERLANG__DISTRIBUTION__PORT_RANGE__MINIMUM: "9100",
    });
    assert.equal(read.nodeName, "host-1");
    assert.deepEqual(read.discovery, [
      "DOCKER_VERNEMQ_COMPOSE",
      "DOCKER_VERNEMQ_DISCOVERY_KUBERNETES",
      "DOCKER_VERNEMQ_DISCOVERY_NODE",
      "DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR",
      "DOCKER_VERNEMQ_SWARM",
    ]);
    assert.equal(read.erlang.length, 3);
    assert.deepEqual(read.settings, []);
    assert.equal(readVariables({ DOCKER_VERNEMQ_NODENAME: "" }).nodeName, undefined);
  });

  it("must not contradict each other", () => {
    assert.deepEqual(problems({ DOCKER_VERNEMQ_LOG__CONSOLE: "off", "DOCKER_VERNEMQ_LOG.CONSOLE": "file" }), [
      "DOCKER_VERNEMQ_LOG__CONSOLE: DOCKER_VERNEMQ_LOG.CONSOLE says something else about log.console",
    ]);
    assert.deepEqual(
      problems({ DOCKER_VERNEMQ_LOG__CONSOLE: "off", DOCKER_VERNEMQ_log__console: "off" }),
      [],
    );
    assert.deepEqual(problems({ DOCKER_VERNEMQ_USER_BOB: "one", DOCKER_VERNEMQ_USER_bob: "two" }), [
      "DOCKER_VERNEMQ_USER_bob: DOCKER_VERNEMQ_USER_BOB says something else about user bob",
    ]);
  });

  it("must name a user", () => {
    const expected = "names no user; write DOCKER_VERNEMQ_USER_NAME=password";
    for (const name of ["DOCKER_VERNEMQ_USER", "DOCKER_VERNEMQ_USER_"])
      assert.deepEqual(problems({ [name]: "secret" }), [`${name}: ${expected}`]);
  });
});
