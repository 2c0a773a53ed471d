import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { openssl } from "../../../test/support/certificates.ts";
import { makePki } from "../../../test/support/pki.ts";
import { removeDirectory, temporaryDirectory } from "../../../test/support/processes.ts";
import type { TlsConfiguration } from "../../config/listeners.ts";
import { readTlsMaterial, type TlsMaterial } from "./material.ts";
import { TlsError } from "./material-file.ts";
import { tlsConfiguration } from "./tls-test-support.ts";

const directory = temporaryDirectory();
const pki = makePki(directory);
after(() => removeDirectory(directory));

const own = { certificateFile: pki.server.cert, keyFile: pki.server.key };

function read(given: Partial<TlsConfiguration>): Promise<TlsMaterial> {
  return readTlsMaterial(tlsConfiguration(given), () => Buffer.alloc(48), Date.now());
}

async function problems(given: Partial<TlsConfiguration>): Promise<string> {
  try {
    await read(given);
  } catch (error) {
    assert.ok(error instanceof TlsError, String(error));
    return error.lines.join("\n").replaceAll(directory, "");
  }
  throw new Error("it was read");
}

function made(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test("what cannot be read is named with the reason, all at once", async () => {
  const text = made("text.pem", "no certificate");
  const empty = made("empty.pem", "");
  const broken = made("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  assert.equal(
    await problems({
      certificateFile: join(directory, "none.pem"),
      keyFile: empty,
      caFile: text,
      crlFile: broken,
    }),
    [
      "cafile /text.pem: the file is not PEM",
      "crlfile /broken.pem: it has no list of revoked certificates (X509 CRL)",
      "certfile /none.pem: the file does not exist",
      "keyfile /empty.pem: the file is empty",
    ].join("\n"),
  );
  assert.match(
    await problems({ ...own, caFile: broken }),
    /^cafile \/broken.pem: certificate 1 cannot be read: /,
  );
  assert.equal(await problems({ ...own, keyFile: directory }), "keyfile : it is a directory");
  assert.equal(
    await problems({ ...own, certificateFile: pki.server.key }),
    "certfile /root/localhost.key: it has no certificate, but EC PRIVATE KEY",
  );
});

test("a file that may not be read", async () => {
  const secret = made("secret.pem", readFileSync(pki.server.key));
  chmodSync(secret, 0);
  // Root reads everything: for a moment it is somebody else.
  const asRoot = process.geteuid?.() === 0;
  for (const folder of [pki.directory, dirname(own.certificateFile)]) chmodSync(folder, 0o755);
  if (asRoot) process.seteuid?.(65_534);
  try {
    assert.match(
      await problems({ ...own, keyFile: secret }),
      /^keyfile .*secret\.pem: the file may not be read by the user that runs the broker$/,
    );
  } finally {
    if (asRoot) process.seteuid?.(0);
  }
});

test("key and certificate have to belong together, and the password to the key", async () => {
  assert.equal(
    await problems({ ...own, keyFile: pki.client.key }),
    "keyfile /root/good-client.key: the key does not belong to the certificate in /root/localhost.pem",
  );
  assert.equal(
    await problems({ ...own, keyFile: pki.encryptedKey }),
    "keyfile /encrypted.key: the key is encrypted; keypasswd must hold its password",
  );
  assert.equal(
    await problems({ ...own, keyFile: pki.encryptedKey, keyPassword: "sesame" }),
    "keyfile /encrypted.key: keypasswd is not the password of the key",
  );
  assert.equal(
    await problems({ ...own, keyFile: "" }),
    "keyfile /root/localhost.pem: there is no keyfile, and no key beside the certificate",
  );
  const both = made("both.pem", readFileSync(pki.server.key, "utf8") + readFileSync(pki.server.cert, "utf8"));
  await read({ certificateFile: both });
});

test("what is missing in the configuration is said", async () => {
  assert.match(await problems({}), /there is no certfile/);
  assert.match(
    await problems({ ...own, requireCertificate: true }),
    /require_certificate is on, but there is no cafile/,
  );
  assert.match(
    await problems({ ...own, useIdentityAsUsername: true }),
    /use_identity_as_username is on, but/,
  );
  assert.match(await problems({ ...own, crlFile: pki.crl }), /there is a crlfile, but no cafile/);
  const foreign = {
    name: "x",
    certificateFile: pki.named.cert,
    keyFile: pki.server.key,
    keyPassword: "",
    ocspFile: "",
  };
  assert.match(await problems({ ...own, sni: [foreign] }), /^sni.x.keyfile .*does not belong/);
});

test("ciphers and curves that the library has not", async () => {
  assert.equal(
    await problems({ ...own, curves: ["secp384r1", "curvy"] }),
    "eccs: Unknown ECC named curves: curvy",
  );
  assert.match(
    await problems({ ...own, ciphers: ["FOO", "BAR-SHA"] }),
    /the TLS library has none of FOO, BAR-SHA/,
  );
  const { warnings } = await read({ ...own, ciphers: ["ECDHE-ECDSA-DES-CBC3-SHA", "AES128-SHA"] });
  assert.deepEqual(warnings, ["ciphers: the TLS library has no ECDHE-ECDSA-DES-CBC3-SHA; it is left out"]);
  const psk = made("psk", "a:b\n");
  const wrong = await read({
    ...own,
    versions: ["tlsv1.2"],
    ciphers: ["AES128-SHA"],
    pskSupport: true,
    pskFile: psk,
  });
  assert.match(wrong.warnings.join(), /none of the ciphers uses pre-shared keys/);
});

test("a file of pre-shared keys", async () => {
  const keys = (content: string, pskSeparator = ":") =>
    read({ pskSupport: true, pskFile: made("keys", content), pskSeparator });
  const { preSharedKeys } = await keys("a;b;c\r\n\n#note\n€;x", ";");
  assert.deepEqual(
    [...(preSharedKeys ?? [])].map(([name, key]) => [name, key.toString()]),
    [
      ["a", "b;c"],
      ["€", "x"],
    ],
  );
  assert.equal((await keys("")).preSharedKeys?.size, 0, "an empty file lets nobody in");
  await assert.rejects(keys("a:b\nnonsense"), /line 2 is not an identity, : and a key/);
  await assert.rejects(keys(":b"), /line 1 is not an identity/);
  await assert.rejects(keys("a:"), /line 1: the key of a is empty/);
  await assert.rejects(
    keys("a:secret\na:secret"),
    (error: Error) => /a has a key already/.test(error.message) && !/secret/.test(error.message),
  );
  await assert.rejects(keys(`a:${"x".repeat(257)}`), /longer than 256 bytes/);
  await assert.rejects(
    read({ pskSupport: true, pskFile: join(directory, "no-keys") }),
    /pskfile .*does not exist/,
  );
});

test("the facts of certificates and lists", async () => {
  const sni = [
    { name: "n", certificateFile: pki.named.cert, keyFile: pki.named.key, keyPassword: "", ocspFile: "" },
  ];
  const { certificates, revocationLists } = await read({
    ...own,
    caFile: pki.root.cert,
    crlFile: pki.crl,
    sni,
  });
  assert.deepEqual(
    certificates.map(({ option, name, issuer, alternativeNames }) => [
      option,
      name,
      issuer,
      alternativeNames,
    ]),
    [
      ["certfile", "localhost", "Test Root", "DNS:localhost, IP Address:127.0.0.1"],
      ["sni.n.certfile", "named", "Test Root", "DNS:sni.example.org, DNS:*.tenants.example.org"],
      ["cafile", "Test Root", "Test Root", ""],
    ],
  );
  const [server] = certificates;
  assert.ok(Math.abs((server?.notAfter ?? 0) - Date.now() - 30 * 86_400_000) < 3_600_000);
  const [list] = revocationLists;
  assert.equal(list?.issuerName, "Test Root");
  assert.equal(list?.entries, 1);
  assert.ok(Math.abs((list?.nextUpdate ?? 0) - Date.now() - 10 * 86_400_000) < 3_600_000);
});

test("authorities without a list of revoked certificates, and what is no authority, are warned of", async () => {
  const caFile = made(
    "two.pem",
    [pki.root.cert, pki.other.cert, pki.server.cert].map((file) => readFileSync(file, "utf8")).join(""),
  );
  const { warnings } = await read({ ...own, caFile, crlFile: pki.crl });
  assert.match(
    warnings.join("\n"),
    /crlfile .*: there is no list of CN=Other Root; clients of that authority are refused/,
  );
  assert.match(warnings.join("\n"), /cafile .*: CN=localhost is not the certificate of an authority/);
});

test("an OCSP response has to be one", async () => {
  assert.match(
    await problems({ ...own, ocspFile: pki.crl }),
    /^ocspfile .*: it is no successful OCSP response in DER$/,
  );
});

test("what decides who is let in changes trust, and nothing else does", async () => {
  const base = { ...own, caFile: pki.root.cert, requireCertificate: true };
  const { trust } = await read(base);
  assert.equal(
    (await read({ ...base, certificateFile: pki.named.cert, keyFile: pki.named.key })).trust,
    trust,
  );
  for (const other of [
    { caFile: pki.other.cert },
    { crlFile: pki.crl },
    { requireCertificate: false },
    { depth: 3 },
  ]) {
    assert.notEqual((await read({ ...base, ...other })).trust, trust);
  }
});

test("the revocation lists that openssl makes are read whole", () => {
  assert.match(openssl("crl", "-in", pki.crl, "-noout", "-text"), /Revoked Certificates/);
});
