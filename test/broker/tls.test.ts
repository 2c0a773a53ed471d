import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { type Broker, startBroker } from "../support/broker.ts";
import { mosquittoPub, mosquittoSub } from "../support/clients.ts";
import { KEY_PASSWORD, makePki } from "../support/pki.ts";
import { freePort, removeDirectory, run, temporaryDirectory } from "../support/processes.ts";
import { oursOnly } from "../support/suite.ts";
import { as, files, tlsClients } from "../support/tls-clients.ts";

const options = { skip: oursOnly };
const directory = temporaryDirectory();
const pki = makePki(directory);
const skipped = oursOnly !== false;
const pskFile = join(directory, "vmq.psk");
writeFileSync(pskFile, "device:secret\n");
const reloaded = { cert: join(directory, "reloaded.pem"), key: join(directory, "reloaded.key") };
useServer(pki.server);

function useServer({ cert, key }: { cert: string; key: string }): void {
  copyFileSync(key, reloaded.key);
  copyFileSync(cert, reloaded.cert);
}

let broker: Broker;
const ports = { open: 0, strict: 0, identity: 0, psk: 0, tenant: 0, reloaded: 0 };

before(async () => {
  if (skipped) return;
  for (const name of ["open", "strict", "identity", "psk", "tenant", "reloaded"] as const)
    ports[name] = await freePort();
  const own = (name: keyof typeof ports, certificate = true): string[] => [
    `listener.ssl.${name} = 127.0.0.1:${ports[name]}`,
    `listener.ssl.${name}.tls_version = tlsv1.2,tlsv1.3`,
    ...(certificate
      ? [
          `listener.ssl.${name}.certfile = ${pki.server.cert}`,
          `listener.ssl.${name}.keyfile = ${pki.server.key}`,
        ]
      : []),
  ];
  broker = await startBroker({
    configuration: [
      "listener.ssl.allowed_protocol_versions = 3,4,5",
      `listener.ssl.pskfile = ${pskFile}`,
      ...own("open"),
      "listener.ssl.open.tls_handshake_timeout = 1000",
      ...own("strict"),
      "listener.ssl.strict.require_certificate = on",
      `listener.ssl.strict.cafile = ${pki.root.cert}`,
      `listener.ssl.strict.crlfile = ${pki.crl}`,
      ...own("identity"),
      "listener.ssl.identity.require_certificate = on",
      "listener.ssl.identity.use_identity_as_username = on",
      `listener.ssl.identity.cafile = ${pki.root.cert}`,
      // The later line counts.
      `listener.ssl.identity.keyfile = ${pki.encryptedKey}`,
      `listener.ssl.identity.keypasswd = ${KEY_PASSWORD}`,
      ...own("psk", false),
      "listener.ssl.psk.psk_support = on",
      "listener.ssl.psk.use_identity_as_username = on",
      "listener.ssl.psk.psk_identity_hint = gate 7",
      ...own("tenant"),
      "listener.ssl.tenant.require_certificate = on",
      "listener.ssl.tenant.mountpoint = tenant",
      `listener.ssl.tenant.cafile = ${pki.other.cert}`,
      ...own("reloaded"),
      `listener.ssl.reloaded.certfile = ${reloaded.cert}`,
      `listener.ssl.reloaded.keyfile = ${reloaded.key}`,
      `listener.ssl.reloaded.sni.other.certfile = ${pki.named.cert}`,
      `listener.ssl.reloaded.sni.other.keyfile = ${pki.named.key}`,
    ],
  });
});

after(async () => {
  if (!skipped) await broker[Symbol.asyncDispose]();
  removeDirectory(directory);
});

const { client, trusting, sClient } = tlsClients(pki.root.cert);
test("MQTT.js publishes and subscribes over TLS", options, async () => {
  for (const protocolVersion of [4, 5] as const) {
    const subscriber = await client(ports.open, { protocolVersion });
    const publisher = await client(ports.open, { protocolVersion, ALPNProtocols: ["mqtt"] });
    await subscriber.subscribeAsync("tls/#", { qos: 2 });
    const payload = Buffer.alloc(100_000, "x");
    const got = new Promise<Buffer>((resolve) => subscriber.on("message", (_topic, bytes) => resolve(bytes)));
    await publisher.publishAsync("tls/large", payload, { qos: 2 });
    assert.ok((await got).equals(payload));
    await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
  }
});

test("Mosquitto's clients with certificates", options, async () => {
  const subscriber = mosquittoSub(ports.strict, [...trusting, ...files(pki.client), "-t", "m/#", "-C", "2"]);
  await subscriber.ready;
  for (const version of ["tlsv1.2", "tlsv1.3"]) {
    const { code, stderr } = await mosquittoPub(ports.strict, [
      ...trusting,
      ...files(pki.client),
      "--tls-version",
      version,
      "-t",
      "m/1",
      "-q",
      "1",
      "-m",
      version,
    ]);
    assert.equal(code, 0, stderr);
  }
  assert.deepEqual(await subscriber.lines, ["tlsv1.2", "tlsv1.3"]);
});

test("clients that may not come in, each with its reason in the log", options, async () => {
  const cases: readonly [string[], RegExp][] = [
    [
      [],
      /listener strict refuses 127\.0\.0\.1:\d+: TLS handshake failed: the client has no certificate, and require_certificate is on/,
    ],
    [
      files(pki.strangeClient),
      /the client's certificate strange-client comes from an authority that is not in the cafile/,
    ],
    [files(pki.expiredClient), /the client's certificate expired-client has expired/],
    [files(pki.revokedClient), /the client's certificate revoked-client has been revoked/],
  ];
  for (const [argv, reason] of cases) {
    for (const version of ["tlsv1.2", "tlsv1.3"]) {
      const { code } = await mosquittoPub(ports.strict, [
        ...trusting,
        ...argv,
        "--tls-version",
        version,
        "-t",
        "x",
        "-m",
        "x",
      ]);
      assert.notEqual(code, 0, reason.source);
    }
    await broker.logged(reason);
  }
});

test("clients that do not trust the listener", options, async () => {
  assert.notEqual(
    (await mosquittoPub(ports.open, ["--cafile", pki.other.cert, "-t", "x", "-m", "x"])).code,
    0,
  );
  await broker.logged(/the client does not know the authority of the listener's certificate/);
  useServer(pki.wrongHost);
  assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
  assert.notEqual(
    (await mosquittoPub(ports.reloaded, [...trusting, "-h", "localhost", "-t", "x", "-m", "x"])).code,
    0,
  );
  assert.equal(
    (await mosquittoPub(ports.reloaded, [...trusting, "--insecure", "-t", "x", "-m", "x"])).code,
    0,
  );
  useServer(pki.expiredServer);
  assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
  assert.notEqual(
    (await mosquittoPub(ports.reloaded, [...trusting, "--insecure", "-t", "x", "-m", "x"])).code,
    0,
  );
  await broker.logged(
    /listener\.ssl\.reloaded: certfile .*: the certificate of expired-server has expired on /,
  );
  useServer(pki.server);
  assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
});

test("the certificate's common name is the user name, whatever CONNECT says", options, async () => {
  const one = await client(ports.identity, {
    ...as(pki.client),
    clientId: "by-certificate",
    username: "somebody-else",
  });
  const { stdout } = await broker.admin([
    "session",
    "show",
    "--client_id=by-certificate",
    "--user",
    "--peer_host",
  ]);
  assert.match(stdout, /good-client/);
  assert.match(stdout, /127\.0\.0\.1/);
  await one.endAsync();
});

test("a tenant's authority lets its own clients in", options, async () => {
  const argv = ["-t", "x", "-m", "x"];
  assert.equal(
    (await mosquittoPub(ports.tenant, [...trusting, ...files(pki.strangeClient), ...argv])).code,
    0,
  );
  assert.notEqual((await mosquittoPub(ports.tenant, [...trusting, ...files(pki.client), ...argv])).code, 0);
});

test("pre-shared keys: Mosquitto's clients and openssl", options, async () => {
  const key = Buffer.from("secret").toString("hex");
  const psk = (identity: string, hex: string): string[] => ["--psk", hex, "--psk-identity", identity];
  const subscriber = mosquittoSub(ports.psk, [
    ...psk("device", key),
    "-t",
    "psk",
    "-C",
    "1",
    "-i",
    "psk-client",
  ]);
  await subscriber.ready;
  assert.match(
    (await broker.admin(["session", "show", "--client_id=psk-client", "--user"])).stdout,
    /device/,
  );
  assert.equal((await mosquittoPub(ports.psk, [...psk("device", key), "-t", "psk", "-m", "hello"])).code, 0);
  assert.deepEqual(await subscriber.lines, ["hello"]);
  assert.notEqual(
    (await mosquittoPub(ports.psk, [...psk("device", "00ff"), "-t", "psk", "-m", "x"])).code,
    0,
  );
  assert.notEqual((await mosquittoPub(ports.psk, [...psk("nobody", key), "-t", "psk", "-m", "x"])).code, 0);
  await broker.logged(/listener psk refuses .*: TLS handshake failed: /);
  // An external key in TLS 1.3.
  const output = await sClient(
    ports.psk,
    "-tls1_3",
    "-psk",
    key,
    "-psk_identity",
    "device",
    "-ciphersuites",
    "TLS_AES_128_GCM_SHA256",
  );
  assert.match(output, /Reused, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/);
  // The hint by which a client chooses its key, which TLS 1.3 has not any more.
  const hinted = await sClient(ports.psk, "-tls1_2", "-psk", key, "-psk_identity", "device");
  assert.match(hinted, /PSK identity hint: gate 7\n/);
  // The file is read again: a new device, and the old one out.
  writeFileSync(pskFile, "second:other\n");
  assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
  assert.notEqual((await mosquittoPub(ports.psk, [...psk("device", key), "-t", "psk", "-m", "x"])).code, 0);
  const second = psk("second", Buffer.from("other").toString("hex"));
  assert.equal((await mosquittoPub(ports.psk, [...second, "-t", "psk", "-m", "x"])).code, 0);
  writeFileSync(pskFile, "device:secret\n");
});

test("openssl s_client: versions, ciphers, ALPN, names, resumption", options, async () => {
  assert.match(
    await sClient(ports.open, "-tls1_2"),
    /New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/,
  );
  assert.match(await sClient(ports.open, "-tls1_3"), /New, TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384/);
  assert.match(
    await sClient(ports.open, "-tls1_1", "-cipher", "ALL@SECLEVEL=0"),
    /alert protocol version|no protocols available/,
  );
  assert.match(await sClient(ports.open, "-tls1_2", "-cipher", "AES128-SHA"), /handshake failure/);
  assert.match(await sClient(ports.open, "-alpn", "mqtt"), /ALPN protocol: mqtt/);
  assert.match(await sClient(ports.open, "-alpn", "h2"), /no application protocol/);
  assert.match(await sClient(ports.open), /No ALPN negotiated[\s\S]*Verify return code: 0 \(ok\)/);
  assert.match(await sClient(ports.reloaded, "-servername", "sni.example.org"), /subject=CN = named/);
  assert.match(await sClient(ports.reloaded, "-servername", "localhost"), /subject=CN = localhost/);
  const session = join(directory, "session.pem");
  await sClient(ports.open, "-tls1_2", "-sess_out", session);
  assert.match(await sClient(ports.open, "-tls1_2", "-sess_in", session), /Reused, TLSv1\.2/);
});

test("nobody renegotiates", options, async () => {
  const argv = ["s_client", "-connect", `127.0.0.1:${ports.open}`, "-tls1_2", "-CAfile", pki.root.cert];
  const { stdout, stderr, code } = await run("openssl", argv, { input: "R\n" });
  assert.match(stdout + stderr, /RENEGOTIATING[\s\S]*(no renegotiation|unexpected eof|errno)/);
  assert.notEqual(code, 0);
});

test("what is not TLS is told so in the log", options, async () => {
  assert.notEqual((await mosquittoPub(ports.open, ["-t", "x", "-m", "x"])).code, 0);
  await broker.logged(
    /listener open refuses .*: TLS handshake failed: this is MQTT without TLS; the port is one for TLS/,
  );
});

test(
  "many half-open handshakes are cut off in their time, and others are served meanwhile",
  options,
  async () => {
    const hello = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    const sockets: Socket[] = [];
    let closed = 0;
    const all = new Promise<void>((resolve) => {
      for (let i = 0; i < 300; i++) {
        const socket = connectPlain(ports.open, "127.0.0.1", () => {
          if (i % 2 === 0) socket.write(hello);
        });
        socket.on("error", () => {});
        socket.on("close", () => {
          closed++;
          if (closed === 300) resolve();
        });
        sockets.push(socket);
      }
    });
    const one = await client(ports.open);
    await one.publishAsync("meanwhile", "x", { qos: 1 });
    await one.endAsync();
    await all;
    await broker.logged(/listener open refuses .*: no TLS handshake in time/);
  },
);

test("certificates are renewed under load, and no connection is lost", options, async () => {
  const subscriber = await client(ports.reloaded);
  const publisher = await client(ports.reloaded);
  let ended = 0;
  let got = 0;
  for (const one of [subscriber, publisher]) one.on("close", () => ended++);
  subscriber.on("message", () => got++);
  await subscriber.subscribeAsync("load", { qos: 1 });
  let sent = 0;
  let running = true;
  const load = (async () => {
    while (running) {
      await publisher.publishAsync("load", String(sent), { qos: 1 });
      sent++;
    }
  })();
  for (const pair of [pki.named, pki.server, pki.named]) {
    useServer(pair);
    assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
    const shown = await subjectOf(ports.reloaded);
    assert.equal(shown, pair === pki.named ? "named" : "localhost");
  }
  running = false;
  await load;
  assert.ok(sent > 20, String(sent));
  assert.equal(ended, 0);
  while (got < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
});

test("a renewed file that cannot be used changes nothing, and the command says why", options, async () => {
  useServer(pki.server);
  assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
  writeFileSync(reloaded.key, "broken");
  const { stdout, stderr } = await broker.admin(["tls", "clear-pem-cache"]);
  assert.match(
    stdout + stderr,
    /listener\.ssl\.reloaded: keyfile .*reloaded\.key: it has no private key in PEM/,
  );
  await broker.logged(/listener\.ssl\.reloaded: keyfile .*; what was read before stays in use/);
  assert.equal(await subjectOf(ports.reloaded), "localhost");
  useServer(pki.server);
});

test("commands and metrics tell of certificates", options, async () => {
  const show = (await broker.admin(["tls", "show"])).stdout;
  assert.match(show, /\| File +\| Not_Before +\| Not_After +\| CN +\| Issuer +\| SAN/);
  assert.match(
    show,
    /localhost\.pem \| .* \| localhost +\| Test Root +\| DNS:localhost, IP Address:127\.0\.0\.1/,
  );
  assert.equal((await broker.admin(["tls", "check"])).stdout, "All fine\n");
  assert.match((await broker.admin(["tls", "check", "--validity=3000000"])).stdout, /localhost\.pem/);
  const listeners = (await broker.admin(["listener", "show", "--tls", "--format=csv"])).stdout;
  assert.match(
    listeners,
    new RegExp(`^mqtts,running,127\\.0\\.0\\.1,${ports.psk},.*tlsv1\\.2,tlsv1\\.3.*${pskFile}`, "m"),
  );
  const metrics = (await broker.admin(["metrics", "show"])).stdout;
  assert.match(metrics, /^gauge\.tls_certificate_seconds_left = 2\d{6}$/m);
  assert.match(metrics, /^counter\.tls_handshake_ok = [1-9]\d*$/m);
  assert.match(metrics, /^counter\.tls_handshake_failed = [1-9]\d*$/m);
  assert.match(metrics, /^counter\.tls_handshake_resumed = [1-9]\d*$/m);
});

test(
  "a broker whose certificates cannot be used does not start, and says all that is wrong",
  options,
  async () => {
    const port = await freePort();
    await assert.rejects(
      startBroker({
        configuration: [
          `listener.ssl.a = 127.0.0.1:${port}`,
          "listener.ssl.a.certfile = /nonexistent.pem",
          `listener.ssl.a.keyfile = ${pki.crl}`,
          `listener.ssl.b = 127.0.0.1:${port}`,
          `listener.ssl.b.certfile = ${pki.server.cert}`,
          `listener.ssl.b.keyfile = ${pki.client.key}`,
        ],
      }),
      (error: Error) => {
        assert.match(
          error.message,
          /^error: \S+vernemq\.conf:\d+: listener\.ssl\.a\.certfile = \/nonexistent\.pem: the file does not exist$/m,
        );
        assert.match(
          error.message,
          /^error: \S+vernemq\.conf:\d+: listener\.ssl\.a\.keyfile = .*crl\.pem: it has no private key in PEM$/m,
        );
        assert.match(
          error.message,
          /^error: \S+vernemq\.conf:\d+: listener\.ssl\.b\.keyfile = .*good-client\.key: the key does not belong to the certificate in .*localhost\.pem$/m,
        );
        return true;
      },
    );
  },
);

async function subjectOf(port: number): Promise<string> {
  const given: ConnectionOptions = {
    port,
    host: "127.0.0.1",
    servername: "localhost",
    rejectUnauthorized: false,
  };
  return await new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls(given, () => {
      const name: unknown = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      resolve(String(name));
    });
    socket.on("error", reject);
  });
}
