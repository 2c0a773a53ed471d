import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import type { Credentials } from "../../../test/support/certificates.ts";
import { makePki } from "../../../test/support/pki.ts";
import { removeDirectory, temporaryDirectory } from "../../../test/support/processes.ts";
import { ServerTls } from "./server-tls.ts";
import { TlsDirectory } from "./tls-directory.ts";
import { recordingLogger, TlsEndpoint, tlsConfiguration, until } from "./tls-test-support.ts";

const DAY = 86_400_000;
const directory = temporaryDirectory();
const pki = makePki(directory);
after(() => removeDirectory(directory));

/** A folder of its own with a certificate and key. */
function place(name: string, { cert, key }: Credentials): Credentials {
  const folder = join(directory, name);
  mkdirSync(folder);
  copyFileSync(cert, join(folder, "cert.pem"));
  copyFileSync(key, join(folder, "key.pem"));
  return { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
}

async function open(context: TestContext, { cert, key }: Credentials): Promise<TlsEndpoint> {
  return await TlsEndpoint.open(context, tlsConfiguration({ certificateFile: cert, keyFile: key }));
}

/** The common name that the endpoint shows. */
async function shown(endpoint: TlsEndpoint): Promise<string> {
  const socket = await endpoint.shake();
  assert.ok(socket instanceof TLSSocket, String(socket));
  const name: unknown = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

/** New certificates are shown without anybody having said so. */
async function becomes(endpoint: TlsEndpoint, name: string): Promise<void> {
  await until(`a certificate of ${name}`, () => endpoint.tls.certificates[0]?.name === name);
  assert.equal(await shown(endpoint), name);
}

test("files that are written over are read again, and open connections stay", async (context) => {
  const files = place("overwritten", pki.server);
  const endpoint = await open(context, files);
  const client = await endpoint.shake();
  assert.ok(client instanceof TLSSocket);
  const server = endpoint.lastSocket;
  copyFileSync(pki.named.key, files.key);
  copyFileSync(pki.named.cert, files.cert);
  await becomes(endpoint, "named");
  let got = "";
  client.on("data", (chunk: Buffer) => {
    got += String(chunk);
  });
  server.write("still here");
  await until("the old connection", () => got === "still here");
  assert.equal(client.getPeerCertificate().subject.CN, "localhost");
});

test("files that are replaced by renaming are read again", async (context) => {
  const files = place("renamed", pki.server);
  const endpoint = await open(context, files);
  for (const [file, by] of [
    [files.key, pki.named.key],
    [files.cert, pki.named.cert],
  ] as const) {
    copyFileSync(by, `${file}.new`);
    renameSync(`${file}.new`, file);
  }
  await becomes(endpoint, "named");
});

test("files behind links are read again when the links of a folder above change (secrets of Kubernetes)", async (context) => {
  const first = place("..2026_1", pki.server);
  place("..2026_2", pki.named);
  const folder = dirname(dirname(first.cert));
  const data = join(folder, "..data");
  symlinkSync("..2026_1", data);
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  symlinkSync("..data/cert.pem", files.cert);
  symlinkSync("..data/key.pem", files.key);
  const endpoint = await open(context, files);
  symlinkSync("..2026_2", `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  rmSync(join(folder, "..2026_1"), { recursive: true });
  await becomes(endpoint, "named");
});

test("links that are made anew are followed (certbot)", async (context) => {
  const [first, second] = [place("archive1", pki.server), place("archive2", pki.named)];
  const live = join(directory, "live");
  mkdirSync(live);
  const files = { cert: join(live, "fullchain.pem"), key: join(live, "privkey.pem") };
  symlinkSync(first.cert, files.cert);
  symlinkSync(first.key, files.key);
  const endpoint = await open(context, files);
  for (const [link, target] of [
    [files.cert, second.cert],
    [files.key, second.key],
  ] as const) {
    rmSync(link);
    symlinkSync(target, link);
  }
  await becomes(endpoint, "named");
});

test("what cannot be used leaves the old certificate in use, and is said by name", async (context) => {
  const files = place("broken", pki.server);
  const endpoint = await open(context, files);
  writeFileSync(files.cert, "nonsense");
  const [line] = await endpoint.directory.reload();
  assert.equal(line, `listener.ssl.test: certfile ${files.cert}: the file is not PEM`);
  assert.ok(
    endpoint.lines.some(
      (text) => text.startsWith("error ") && text.endsWith("what was read before stays in use"),
    ),
  );
  assert.equal(await shown(endpoint), "localhost");
  rmSync(files.cert);
  assert.match((await endpoint.tls.reload()).join(), /does not exist/);
  assert.equal(await shown(endpoint), "localhost");
  copyFileSync(pki.named.cert, files.cert);
  assert.match((await endpoint.tls.reload()).join(), /the key does not belong to the certificate/);
  copyFileSync(pki.named.key, files.key);
  assert.deepEqual(await endpoint.tls.reload(), []);
  assert.equal(await shown(endpoint), "named");
});

test("lists of revoked certificates are looked at in their interval", async (context) => {
  const crlFile = join(directory, "interval.crl");
  copyFileSync(pki.root.revocationList("none.crl"), crlFile);
  const caFile = pki.root.cert;
  const strict = {
    certificateFile: pki.server.cert,
    keyFile: pki.server.key,
    caFile,
    crlFile,
    requireCertificate: true,
  };
  const never = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlRefreshMilliseconds: 0 }));
  const often = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlRefreshMilliseconds: 20 }));
  const late = pki.root.issue("late-client");
  const options = { cert: readFileSync(late.cert), key: readFileSync(late.key) };
  assert.ok((await often.shake(options)) instanceof TLSSocket);
  const entries = often.tls.material.revocationLists[0]?.entries;
  pki.root.revoke(late);
  copyFileSync(pki.root.revocationList(), crlFile);
  await until("the new list", () => often.tls.material.revocationLists[0]?.entries === (entries ?? 0) + 1);
  assert.match(String(await often.shake(options)), /late-client has been revoked/);
  assert.ok((await never.shake(options)) instanceof TLSSocket);
  await never.tls.reload();
  assert.match(String(await never.shake(options)), /late-client has been revoked/);
});

test("each threshold of expiry is told once", async () => {
  const lines: string[] = [];
  let now = Date.now();
  const tls = new ServerTls(
    "listener.ssl.x",
    tlsConfiguration({ certificateFile: pki.server.cert, keyFile: pki.server.key }),
    {
      log: recordingLogger(lines),
      clock: { now: () => now, monotonic: () => now },
      tls: new TlsDirectory(),
    },
  );
  await tls.open();
  const told = (): string[] => lines.splice(0).filter((line) => line.startsWith("warning"));
  const start = now;
  assert.match(told().join(), /expires on .*, in (29|30) days$/);
  tls.look();
  assert.deepEqual(told(), []);
  for (const [day, pattern] of [
    [17, /in 12 days$/],
    [24, /in 5 days$/],
    [28, /in 1 day$/],
    [29.5, /in less than a day$/],
    [31, /has expired on/],
  ] as const) {
    now = start + day * DAY;
    tls.look();
    tls.look();
    const [line, ...more] = told();
    assert.match(line ?? "", pattern);
    assert.deepEqual(more, []);
  }
  tls.close();
});

test("a closed one is read no more", async () => {
  const directoryOfTls = new TlsDirectory();
  const tls = new ServerTls(
    "listener.ssl.y",
    tlsConfiguration({ certificateFile: pki.server.cert, keyFile: pki.server.key }),
    {
      log: recordingLogger([]),
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      tls: directoryOfTls,
    },
  );
  await tls.open();
  assert.equal([...directoryOfTls.all()].length, 1);
  tls.close();
  assert.equal([...directoryOfTls.all()].length, 0);
  assert.deepEqual(await tls.reload(), []);
  assert.throws(() => tls.material, /is not open/);
});
