/** The container image as its users have it: loaded and run by podman, configured by its environment, spoken to over TCP. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { connectAsync } from "mqtt";
import { makeImages } from "../../scripts/image/image.ts";
import { VERSION } from "../../src/config/version.ts";
import { Authority } from "../support/certificates.ts";
import { ask } from "../support/http.ts";
import { freePort, portOpen, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { NO_PODMAN, Podman } from "./support/podman.ts";
import { release } from "./support/release.ts";
import { missing } from "./support/requirements.ts";

const IMAGE = `vernemq/vernemq:${VERSION}`;
const SKIP =
  NO_PODMAN || missing({ debian: true, commands: ["apt-get", "dpkg-deb", "busybox", "tar", "openssl"] });

describe("the container image", { skip: SKIP }, () => {
  let podman: Podman;
  const directory = temporaryDirectory("vernemq-image-");
  let names = 0;

  before(async () => {
    podman = new Podman();
    const { directory: tree } = await release();
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const [archive] = await makeImages({
      trees: { [architecture]: tree },
      version: VERSION,
      revision: "",
      epoch: 1_700_000_000,
      output: join(directory, "out"),
      scratch: join(directory, "scratch"),
    });
    await podman.expect("load", "--input", archive?.file ?? "");
  });
  after(() => podman?.[Symbol.asyncDispose]());

  interface Container {
    readonly name: string;
    readonly port: number;
    readonly httpPort: number;
    log(): Promise<string>;
  }

  function flags(env: Readonly<Record<string, string>>): string[] {
    return Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  }

  /** Creates and starts a container; its listeners use the machine's loopback, on free ports. */
  async function create(
    context: TestContext,
    env: Readonly<Record<string, string>> = {},
    ...options: string[]
  ): Promise<Container> {
    const [port, webSocketPort, httpPort] = [await freePort(), await freePort(), await freePort()];
    const name = `test-${names++}`;
    const all = {
      DOCKER_IP_ADDRESS: "127.0.0.1",
      DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT: `127.0.0.1:${port}`,
      DOCKER_VERNEMQ_LISTENER__WS__DEFAULT: `127.0.0.1:${webSocketPort}`,
      // The one of the shipped file and the container's own: with one address they are one.
      DOCKER_VERNEMQ_LISTENER__HTTP__DEFAULT: `127.0.0.1:${httpPort}`,
      DOCKER_VERNEMQ_LISTENER__HTTP__METRICS: `127.0.0.1:${httpPort}`,
      ...env,
    };
    context.after(() => podman.run("rm", "--force", "--time", "0", "--volumes", name));
    await podman.expect(
      "run",
      "--detach",
      "--name",
      name,
      "--no-healthcheck",
      ...flags(all),
      ...options,
      IMAGE,
    );
    const log = async (): Promise<string> => {
      const { stdout, stderr } = await podman.run("logs", name);
      return stdout + stderr;
    };
    return { name, port, httpPort, log };
  }

  async function serving(container: Container): Promise<Container> {
    try {
      await portOpen(container.port, undefined, 30_000);
    } catch (error) {
      throw new Error(`${String(error)}\n${await container.log()}`);
    }
    return container;
  }

  /** Waits for the end of a container and returns its exit status. */
  async function ended({ name }: Container): Promise<number> {
    return Number(await podman.expect("wait", name));
  }

  async function stop({ name }: Container): Promise<number> {
    await podman.expect("stop", "--time", "20", name);
    return Number(await podman.expect("inspect", name, "--format", "{{.State.ExitCode}}"));
  }

  it("says how it is used", async () => {
    const [image]: [{ Config: Record<string, unknown>; User: string; Healthcheck: unknown }] = JSON.parse(
      await podman.expect("image", "inspect", IMAGE),
    );
    assert.equal(image.User, "10000:10000");
    const { Cmd, WorkingDir, Volumes, ExposedPorts, Labels } = image.Config;
    assert.deepEqual([Cmd, WorkingDir], [["start_vernemq"], "/vernemq"]);
    for (const name of ["data", "log", "etc"]) assert.ok(Object.hasOwn(Object(Volumes), `/vernemq/${name}`));
    for (const port of [1883, 8883, 8080, 44053, 8888, 9100, 9109])
      assert.ok(Object.hasOwn(Object(ExposedPorts), `${port}/tcp`), String(port));
    assert.equal(Object(Labels)["org.opencontainers.image.version"], VERSION);
    assert.deepEqual(Object(image.Healthcheck).Test, ["CMD", "vernemq", "ping"]);
  });

  it("serves, answers to the commands, and stops with status 0", async (context) => {
    const env = { DOCKER_VERNEMQ_ACCEPT_EULA: "yes", DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on" };
    const container = await serving(await create(context, env));
    const client = await RawClient.connect(container.port, { clientId: "c" });
    await client.subscribe("t", 1);
    await client.publish("t", "hello", { qos: 1 });
    await client.receive({ payload: "hello" });
    assert.equal((await ask(container.httpPort, "/health")).body, '{"status":"OK"}');
    const exec = (...argv: string[]): Promise<string> => podman.expect("exec", container.name, ...argv);
    assert.equal(await exec("vernemq", "ping"), "pong");
    assert.equal(await exec("vernemq", "version"), VERSION);
    assert.match(await exec("vmq-admin", "session", "show", "--client_id"), /\bc\b/);
    assert.match(await exec("vernemq", "config", "effective"), /^allow_anonymous = on$/m);
    assert.equal(await exec("sh", "-c", "id -u; tr '\\0' ' ' < /proc/1/cmdline"), "10000\nstart_vernemq");
    assert.equal(
      await exec("sh", "-c", "for l in /etc/vernemq /var/lib/vernemq /var/log/vernemq; do readlink $l; done"),
      ["/vernemq/etc", "/vernemq/data", "/vernemq/log"].join("\n"),
    );
    const [{ Healthcheck }]: [{ Healthcheck: { Test: string[] } }] = JSON.parse(
      await podman.expect("image", "inspect", IMAGE),
    );
    assert.equal(await exec(...Healthcheck.Test.slice(1)), "pong");
    client.destroy();
    assert.equal(await stop(container), 0);
    const log = await container.log();
    assert.match(log, /\[info\] node VerneMQ@127\.0\.0\.1 \(version .*\) is ready/);
    assert.match(log, /stops: SIGTERM/);
    const complaints = log.split("\n").filter((line) => /\[(?:warning|error|critical)\]/.test(line));
    // The tests move this listener out of each other's way.
    assert.deepEqual(
      complaints.filter((line) => !line.includes("DOCKER_VERNEMQ_LISTENER__WS__DEFAULT")),
      [],
    );
  });

  it("lets in the users of the environment and nobody else, and keeps their passwords to itself", async (context) => {
    const container = await serving(
      await create(context, {
        DOCKER_VERNEMQ_USER_ALICE: "a good = password #1",
        DOCKER_VERNEMQ_USER_BOB: "$(</proc/sys/kernel/ostype)",
      }),
    );
    const code = async (username?: string, password?: string): Promise<number | undefined> => {
      const client = await RawClient.attempt(container.port, {
        clientId: "c",
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
      });
      client.destroy();
      return client.connack?.code;
    };
    assert.equal(await code("alice", "a good = password #1"), 0);
    assert.equal(await code("bob", "Linux"), 0);
    assert.notEqual(await code("alice", "a good "), 0);
    assert.notEqual(await code(), 0);
    const file = await podman.expect("exec", container.name, "cat", "/vernemq/etc/vmq.passwd");
    assert.match(file, /^alice:\$6\$/m);
    assert.doesNotMatch((await container.log()) + file, /good/);
  });

  it("names the variables that it does not understand, all at once, and ends with status 1", async (context) => {
    const container = await create(context, {
      DOCKER_VERNEMQ_MAX_INFLIGT_MESSAGES: "5",
      DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "yes",
    });
    assert.equal(await ended(container), 1);
    const log = await container.log();
    assert.match(log, /DOCKER_VERNEMQ_MAX_INFLIGT_MESSAGES: .*did you mean max_inflight_messages/);
    assert.match(log, /DOCKER_VERNEMQ_ALLOW_ANONYMOUS: allow_anonymous = yes: .*allowed: on, off/);
    assert.match(log, /the configuration has 2 errors/);
  });

  it("takes generic settings, and says once what waits for the cluster", async (context) => {
    const container = await serving(
      await create(context, {
        DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on",
        DOCKER_VERNEMQ_TOPIC_MAX_DEPTH: "2",
        DOCKER_VERNEMQ_LOG__CONSOLE__LEVEL: "debug",
        DOCKER_VERNEMQ_NODENAME: "first.example",
        DOCKER_VERNEMQ_DISCOVERY_NODE: "192.0.2.1",
        DOCKER_VERNEMQ_ERLANG__MAX_PORTS: "512000",
      }),
    );
    const client = await RawClient.connect(container.port, { clientId: "c", version: 5 });
    const [deep] = await client.subscribe("a/b/c", 0);
    assert.ok(deep !== undefined && deep >= 0x80);
    client.destroy();
    const log = await container.log();
    assert.match(log, /node VerneMQ@first\.example /);
    assert.equal(log.match(/lacks the cluster: DOCKER_VERNEMQ_DISCOVERY_NODE/g)?.length, 1);
    assert.equal(log.match(/DOCKER_VERNEMQ_ERLANG__MAX_PORTS/g)?.length, 1);
  });

  it("takes a vernemq.conf.local instead of everything else", async (context) => {
    const etc = join(directory, "etc");
    const port = await freePort();
    mkdirSync(etc);
    writeFileSync(
      join(etc, "vernemq.conf.local"),
      `listener.tcp.default = ###IPADDRESS###:${port}\nallow_anonymous = on\nlog.console = console\n`,
    );
    const env = { DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "off" };
    const container = await create(context, env, "--volume", `${etc}:/vernemq/etc:ro`);
    await serving({ ...container, port });
    (await RawClient.connect(port, { clientId: "c" })).destroy();
    assert.match(
      await container.log(),
      /vernemq\.conf\.local is used instead: DOCKER_VERNEMQ_ALLOW_ANONYMOUS/,
    );
  });

  it("keeps sessions and messages in a volume, when the container is made anew", async (context) => {
    const volume = `data-${names++}`;
    context.after(() => podman.run("volume", "rm", "--force", volume));
    const env = { DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on" };
    const first = await serving(await create(context, env, "--volume", `${volume}:/vernemq/data`));
    const subscriber = await RawClient.connect(first.port, { clientId: "s", clean: false });
    await subscriber.subscribe("t", 1);
    await subscriber.disconnect();
    const publisher = await RawClient.connect(first.port, { clientId: "p" });
    await publisher.publish("t", "kept", { qos: 1 });
    publisher.destroy();
    assert.equal(await stop(first), 0);
    await podman.expect("rm", first.name);
    const second = await serving(await create(context, env, "--volume", `${volume}:/vernemq/data`));
    const again = await RawClient.connect(second.port, { clientId: "s", clean: false });
    await again.receive({ payload: "kept", qos: 1 });
    again.destroy();
  });

  it("runs with a read-only root and without rights", async (context) => {
    const options = [
      "--read-only",
      "--read-only-tmpfs=false",
      "--cap-drop=all",
      "--security-opt=no-new-privileges",
    ];
    const env = { DOCKER_VERNEMQ_USER_ALICE: "secret" };
    const container = await serving(await create(context, env, ...options));
    const client = await RawClient.connect(container.port, {
      clientId: "c",
      username: "alice",
      password: "secret",
    });
    client.destroy();
    assert.equal(await podman.expect("exec", container.name, "vernemq", "ping"), "pong");
    assert.notEqual((await podman.run("exec", container.name, "touch", "/vernemq/bin/x")).code, 0);
    assert.equal(await stop(container), 0);
  });

  it("serves TLS with a certificate that is mounted", async (context) => {
    const tls = join(directory, "tls");
    const authority = Authority.root(tls, "Test Root");
    const { cert, key } = authority.issue("broker", { for: "server", names: "IP:127.0.0.1" });
    for (const file of [cert, key]) chmodSync(file, 0o644);
    const port = await freePort();
    const container = await create(
      context,
      {
        DOCKER_VERNEMQ_ALLOW_ANONYMOUS: "on",
        DOCKER_VERNEMQ_LISTENER__SSL__DEFAULT: `127.0.0.1:${port}`,
        DOCKER_VERNEMQ_LISTENER__SSL__CERTFILE: `/etc/ssl/vernemq/${basename(cert)}`,
        DOCKER_VERNEMQ_LISTENER__SSL__KEYFILE: `/etc/ssl/vernemq/${basename(key)}`,
      },
      "--volume",
      `${tls}:/etc/ssl/vernemq:ro`,
    );
    await serving(container);
    await portOpen(port, undefined, 30_000);
    const client = await connectAsync(`mqtts://127.0.0.1:${port}`, { ca: readFileSync(authority.cert) });
    await client.endAsync();
  });

  it("says who could write to a directory that it cannot", async (context) => {
    const data = join(directory, "of-root");
    mkdirSync(data, { mode: 0o755 });
    const container = await create(context, {}, "--volume", `${data}:/vernemq/data`);
    assert.equal(await ended(container), 1);
    assert.match(
      await container.log(),
      /error: \/vernemq\/data cannot be written by user 10000 \(it belongs to 0:0\): .*chown 10000:10000/,
    );
  });
});
