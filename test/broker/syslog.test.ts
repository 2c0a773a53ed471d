/** The log in syslog: on this machine, and on another one over UDP, TCP and TLS. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { makePki } from "../support/pki.ts";
import { freePort, removeDirectory, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";
import { LocalService, StreamServer, udpServer } from "../support/syslog-server.ts";

const options = { skip: oursOnly };
const HOST = hostname().replaceAll(".", "\\.");
const LOGGER = "/usr/bin/logger";
const withoutLogger = oursOnly || (existsSync(LOGGER) ? false : `there is no ${LOGGER}`);

function remote(protocol: string, port: number, ...further: string[]): string[] {
  return [
    "log.syslog = on",
    "log.syslog.remote.host = localhost",
    `log.syslog.remote.port = ${port}`,
    `log.syslog.remote.protocol = ${protocol}`,
    ...further,
  ];
}

/** Makes the broker write a line with this client id. */
async function seenClient(port: number, clientId: string): Promise<void> {
  const client = await RawClient.connect(port, { clientId });
  await client.disconnect();
}

test("udp: RFC 3164 in local time, with facility and the default name", options, async () => {
  await using server = await udpServer();
  await using broker = await startBroker({
    env: { TZ: "Asia/Kolkata" },
    configuration: remote("udp", server.port, "log.syslog.facility = local3"),
  });
  const line = await server.messages.received(/is ready$/);
  const [, month, day, time] =
    new RegExp(
      `^<158>(\\w{3}) ([ \\d]\\d) (\\d\\d:\\d\\d:\\d\\d) ${HOST.split("\\.")[0]} vernemq\\[${broker.pid}\\]: node test-`,
    ).exec(line) ?? [];
  const there = (offset: number): string => {
    const date = new Date(Date.now() + 5.5 * 3_600_000 - offset);
    return `${date.toUTCString().slice(8, 11)} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 16)}`;
  };
  const minute = `${month} ${day} ${time?.slice(0, 5)}`;
  assert.ok([there(0), there(60_000)].includes(minute), line);
});

test("tcp: RFC 5424, octets counted, with level, name and the event as MSGID", options, async () => {
  await using server = await StreamServer.open();
  await using broker = await startBroker({
    configuration: remote(
      "tcp",
      server.port,
      "log.syslog.format = rfc5424",
      "log.syslog.app_name = broker-7",
      "log.syslog.level = info",
    ),
  });
  await seenClient(broker.port, "grüße");
  const head = String.raw`^<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ${HOST} broker-7 ${broker.pid}`;
  assert.match(await server.messages.received(/is ready/), new RegExp(`${head} start - node test-`));
  assert.match(await server.messages.received(/grüße/), new RegExp(`${head} \\w+ - .*grüße`));
  assert.equal(await broker.stop(), 0);
  await server.messages.received(/stopped$/);
  assert.deepEqual(server.strange, []);
});

test("log.syslog.level and log.level keep lesser lines away", options, async () => {
  await using server = await udpServer();
  await using quiet = await startBroker({
    configuration: remote("udp", server.port, "log.syslog.level = error"),
  });
  await quiet.stop();
  await using loud = await startBroker({
    configuration: remote("udp", server.port, "log.level = warning", "log.error = off"),
  });
  await loud.stop();
  await using seen = await startBroker({ configuration: remote("udp", server.port) });
  await server.messages.received(/is ready/);
  const others = server.messages.all.filter((line) => !line.includes(`[${seen.pid}]`));
  assert.deepEqual(
    others.filter((line) => /is ready|stopped/.test(line)),
    [],
  );
});

test("a server that comes, goes and comes again: lines wait, and the log says so", options, async () => {
  const port = await freePort();
  await using broker = await startBroker({ configuration: remote("tcp", port) });
  await seenClient(broker.port, "before");
  await broker.logged(/\[error\] syslog \(tcp:\/\/localhost:\d+\) cannot be reached: .*ECONNREFUSED/);
  await (async () => {
    await using server = await StreamServer.open(port);
    await server.messages.received(/is ready/);
    await server.messages.received(/before/);
    await broker.logged(/takes lines again/);
  })();
  await seenClient(broker.port, "between");
  await broker.logged(
    /--- console\.log(?:(?!--- error)[\s\S])*takes lines again(?:(?!--- error)[\s\S])*cannot be reached/,
  );
  await using server = await StreamServer.open(port);
  await server.messages.received(/between/);
  await seenClient(broker.port, "after");
  await server.messages.received(/after/);
});

test("a server that is never there does not keep the broker from ending", options, async () => {
  await using broker = await startBroker({ configuration: remote("tcp", await freePort()) });
  const from = performance.now();
  assert.equal(await broker.stop(), 0);
  assert.ok(performance.now() - from < 8_000);
});

describe("tls", options, () => {
  const directory = temporaryDirectory();
  const pki = makePki(directory);
  after(() => removeDirectory(directory));
  const tls = (port: number, caFile: string): string[] =>
    remote("tls", port, "log.syslog.format = rfc5424", `log.syslog.remote.tls.cafile = ${caFile}`);

  test("a server with a certificate of the cafile gets the lines", async () => {
    await using server = await StreamServer.open(0, pki.server);
    await using broker = await startBroker({ configuration: tls(server.port, pki.root.cert) });
    await server.messages.received(
      new RegExp(`^<30>1 .* vernemq ${broker.pid} start - node test-.* is ready`),
    );
    assert.deepEqual(server.strange, []);
  });

  test("one of another authority, or for another host, gets nothing", async () => {
    for (const [credentials, caFile, reason] of [
      [pki.server, pki.other.cert, /cannot be reached: .*(issuer|verify|self-signed)/],
      [pki.wrongHost, pki.root.cert, /cannot be reached: Hostname\/IP does not match/],
      [pki.expiredServer, pki.root.cert, /cannot be reached: certificate has expired/],
    ] as const) {
      await using server = await StreamServer.open(0, credentials);
      await using broker = await startBroker({ configuration: tls(server.port, caFile) });
      await broker.logged(reason);
      assert.deepEqual(server.messages.all, []);
    }
  });

  test("it needs rfc5424 and a cafile", async () => {
    const wanted = remote("tls", 6514);
    await assert.rejects(startBroker({ configuration: wanted }), (error: Error) => {
      assert.match(error.message, /vernemq\.conf:\d+: .*log\.syslog\.format must be rfc5424 for TLS SysLog/);
      assert.match(
        error.message,
        /vernemq\.conf:\d+: .*log\.syslog\.remote\.tls\.cafile is required for TLS/,
      );
      return true;
    });
  });
});

describe("the service of this machine", { skip: withoutLogger }, () => {
  const directory = temporaryDirectory();
  after(() => removeDirectory(directory));
  const socket = join(directory, "log");
  const program = join(directory, "bin", "logger");
  mkdirSync(join(directory, "bin"));
  // The real program, with another socket than that of the machine.
  writeFileSync(program, `#!/bin/sh\nexec ${LOGGER} --socket ${socket} "$@"\n`);
  chmodSync(program, 0o755);
  const env = { PATH: `${join(directory, "bin")}:${process.env.PATH}` };

  test("gets the lines through logger, also after it was started anew", async () => {
    const configuration = ["log.syslog = on", "log.syslog.facility = local0"];
    await using broker = await startBroker({ env, configuration });
    await broker.logged(/\[error\] syslog \(\/dev\/log\) cannot be reached: .*No such file/);
    await (async () => {
      await using service = await LocalService.open(socket);
      const line = await service.messages.received(/is ready/);
      assert.match(
        line,
        new RegExp(`^<134>\\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d vernemq\\[${broker.pid}\\]: `),
      );
    })();
    rmSync(socket);
    await seenClient(broker.port, "lost-and-found");
    await broker.logged(
      /--- console\.log(?:(?!--- error)[\s\S])*takes lines again(?:(?!--- error)[\s\S])*cannot be reached/,
    );
    await using service = await LocalService.open(socket);
    await service.messages.received(/lost-and-found/);
    assert.equal(await broker.stop(), 0);
    await service.messages.received(/stopped$/);
  });

  test("without the program, the log says which one is needed", async () => {
    const none = join(directory, "none");
    mkdirSync(none);
    await using broker = await startBroker({ env: { PATH: none }, configuration: ["log.syslog = on"] });
    await broker.logged(/cannot be reached: logger of the package util-linux \(bsdutils on Debian\) cannot/);
  });
});
