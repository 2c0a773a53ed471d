/** What the options of TLS in vernemq.conf do, one after the other. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type Broker, startBroker } from "../support/broker.ts";
import { mosquittoPub } from "../support/clients.ts";
import { makePki } from "../support/pki.ts";
import { freePort, removeDirectory, run, temporaryDirectory } from "../support/processes.ts";
import { RawClient } from "../support/raw-client.ts";
import { oursOnly } from "../support/suite.ts";
import { as, files, tlsClients } from "../support/tls-clients.ts";

const options = { skip: oursOnly };
const directory = temporaryDirectory();
const pki = makePki(directory);
const skipped = oursOnly !== false;
/** Before anybody is revoked. */
const crlFile = join(directory, "renewed.crl");
copyFileSync(pki.emptyCrl, crlFile);

let broker: Broker;
const ports = { open: 0, old: 0, new: 0, shallow: 0, revoking: 0 };

before(async () => {
  if (skipped) return;
  for (const name of Object.keys(ports)) Reflect.set(ports, name, await freePort());
  const own = (name: keyof typeof ports): string[] => [
    `listener.ssl.${name} = 127.0.0.1:${ports[name]}`,
    `listener.ssl.${name}.tls_version = tlsv1.2,tlsv1.3`,
    `listener.ssl.${name}.certfile = ${pki.server.cert}`,
    `listener.ssl.${name}.keyfile = ${pki.server.key}`,
  ];
  broker = await startBroker({
    configuration: [
      ...own("open"),
      ...own("old"),
      "listener.ssl.old.tls_version = tlsv1.2",
      "listener.ssl.old.ciphers = ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384",
      "listener.ssl.old.eccs = secp384r1",
      ...own("new"),
      "listener.ssl.new.tls_version = tlsv1.3",
      "listener.ssl.new.ciphers = TLS_CHACHA20_POLY1305_SHA256",
      ...own("shallow"),
      "listener.ssl.shallow.require_certificate = on",
      "listener.ssl.shallow.depth = 0",
      `listener.ssl.shallow.cafile = ${pki.root.cert}`,
      ...own("revoking"),
      "listener.ssl.revoking.require_certificate = on",
      `listener.ssl.revoking.cafile = ${pki.root.cert}`,
      `listener.ssl.revoking.crlfile = ${crlFile}`,
    ],
  });
});

after(async () => {
  if (!skipped) await broker[Symbol.asyncDispose]();
  removeDirectory(directory);
});

const { client, trusting, sClient } = tlsClients(pki.root.cert);
test("tls_version, ciphers and eccs are obeyed", options, async () => {
  const { old, new: recent } = ports;
  assert.match(
    await sClient(old, "-tls1_2"),
    /Server Temp Key: ECDH, (secp384r1|P-384)[\s\S]*New, TLSv1\.2, Cipher is ECDHE-ECDSA-CHACHA20-POLY1305/,
  );
  assert.match(
    await sClient(old, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    /New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384/,
  );
  assert.match(
    await sClient(old, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    /handshake failure/,
  );
  assert.match(await sClient(old, "-tls1_2", "-groups", "P-256"), /handshake failure/);
  await broker.logged(/listener old refuses .*: TLS handshake failed: /);
  assert.match(await sClient(old, "-tls1_3"), /alert protocol version/);
  assert.match(await sClient(recent, "-tls1_3"), /New, TLSv1\.3, Cipher is TLS_CHACHA20_POLY1305_SHA256/);
  assert.match(
    await sClient(recent, "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
    /handshake failure/,
  );
  assert.match(await sClient(recent, "-tls1_2"), /alert protocol version/);
});

test("depth limits what lies between a client and its authority", options, async () => {
  const argv = [...trusting, "-t", "x", "-m", "x"];
  assert.equal((await mosquittoPub(ports.shallow, [...argv, ...files(pki.client)])).code, 0);
  assert.notEqual((await mosquittoPub(ports.shallow, [...argv, ...files(pki.deepClient)])).code, 0);
  await broker.logged(
    /listener shallow refuses .*certificate deep-client.*: 1 certificates between it and the authority, and depth is 0/,
  );
  // By default one may.
  assert.equal((await mosquittoPub(ports.revoking, [...argv, ...files(pki.client)])).code, 0);
});

test(
  "a renewed list of revoked certificates shuts clients out, and open connections stay",
  options,
  async () => {
    const { revoking } = ports;
    const argv = [...trusting, ...files(pki.revokedClient), "-t", "revoked", "-m", "x"];
    assert.equal((await mosquittoPub(revoking, argv)).code, 0);
    const open = await client(revoking, { ...as(pki.revokedClient), clientId: "revoked-later" });
    let closed = false;
    open.on("close", () => {
      closed = true;
    });
    copyFileSync(pki.crl, crlFile);
    assert.equal((await broker.admin(["tls", "clear-pem-cache"])).stdout, "Done\n");
    assert.notEqual((await mosquittoPub(revoking, argv)).code, 0);
    await broker.logged(
      /listener revoking refuses .*the client's certificate revoked-client has been revoked/,
    );
    await open.publishAsync("revoked", "still there", { qos: 1 });
    assert.equal(closed, false);
    await open.endAsync();
  },
);

test("TLS 1.3 sessions are resumed, and counted", options, async () => {
  const given: ConnectionOptions = {
    port: ports.open,
    host: "127.0.0.1",
    servername: "localhost",
    ca: readFileSync(pki.root.cert),
    minVersion: "TLSv1.3",
  };
  const first = connectTls(given);
  const [session]: unknown[] = await once(first, "session");
  first.destroy();
  assert.ok(session instanceof Buffer);
  const second = connectTls({ ...given, session });
  const resumed = RawClient.over(second);
  resumed.sendConnect({ clientId: "resumed" });
  await resumed.expect("connack", { code: 0 });
  assert.ok(second.isSessionReused());
  await resumed.disconnect();
  const { stdout } = await broker.admin(["metrics", "show"]);
  assert.match(stdout, /counter\.tls_handshake_resumed = [1-9]/);
});

test(
  "a certificate that is about to expire is warned of, with the days left, and measured",
  options,
  async () => {
    const to = new Date(Date.now() + 5.5 * 86_400_000);
    const soon = pki.root.issue("soon", { names: "DNS:localhost", to });
    await using expiring = await startBroker({
      configuration: [
        `listener.ssl.s = 127.0.0.1:${await freePort()}`,
        `listener.ssl.s.certfile = ${soon.cert}`,
        `listener.ssl.s.keyfile = ${soon.key}`,
      ],
    });
    await expiring.logged(
      /\[warning\] listener\.ssl\.s: certfile .*soon\.pem: the certificate of soon expires on .*, in 5 days/,
    );
    const metrics = (await expiring.admin(["metrics", "show"])).stdout;
    assert.match(metrics, /^gauge\.tls_certificate_seconds_left = 4[67]\d{4}$/m);
    assert.match((await expiring.admin(["tls", "check", "--validity=500000"])).stdout, /soon\.pem/);
  },
);

test("a staple is handed to those who ask for one", options, async () => {
  const { cert } = pki.server;
  const request = join(directory, "ocsp.req");
  const ocspFile = join(directory, "ocsp.der");
  const { root } = pki;
  const index = join(root.directory, "index.txt");
  await run("openssl", ["ocsp", "-issuer", root.cert, "-cert", cert, "-reqout", request, "-no_nonce"]);
  await run("openssl", [
    "ocsp",
    "-index",
    index,
    "-CA",
    root.cert,
    "-rsigner",
    root.cert,
    "-rkey",
    root.key,
    "-reqin",
    request,
    "-respout",
    ocspFile,
    "-ndays",
    "7",
  ]);
  const port = await freePort();
  await using stapling = await startBroker({
    configuration: [
      `listener.ssl.s = 127.0.0.1:${port}`,
      `listener.ssl.s.certfile = ${cert}`,
      `listener.ssl.s.keyfile = ${pki.server.key}`,
      `listener.ssl.s.ocspfile = ${ocspFile}`,
    ],
  });
  assert.ok(stapling.pid > 0);
  assert.match(await sClient(port, "-status"), /OCSP Response Status: successful[\s\S]*Cert Status: good/);
  assert.match(await sClient(port), /Verify return code: 0 \(ok\)/);
});
