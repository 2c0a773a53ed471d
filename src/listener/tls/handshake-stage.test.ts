import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { TLSSocket } from "node:tls";
import type { Credentials } from "../../../test/support/certificates.ts";
import { KEY_PASSWORD, makePki } from "../../../test/support/pki.ts";
import { removeDirectory, temporaryDirectory } from "../../../test/support/processes.ts";
import { TlsEndpoint, tlsConfiguration, until } from "./tls-test-support.ts";

const directory = temporaryDirectory();
const pki = makePki(directory);
after(() => removeDirectory(directory));

const own = { certificateFile: pki.server.cert, keyFile: pki.server.key };
const strict = { ...own, caFile: pki.root.cert, requireCertificate: true };

function as({ cert, key }: Credentials): { cert: string; key: string } {
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

test("a client gets through, by each version, with and without ALPN", async (context) => {
  const endpoint = await TlsEndpoint.open(context, tlsConfiguration(own));
  const trusting = { ca: readFileSync(pki.root.cert), rejectUnauthorized: true };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const alpn of [undefined, ["mqtt"], ["other", "mqtt"]]) {
      const socket = await endpoint.shake({
        ...trusting,
        minVersion: version,
        maxVersion: version,
        ...(alpn === undefined ? {} : { ALPNProtocols: alpn }),
      });
      assert.ok(socket instanceof TLSSocket, String(socket));
      assert.equal(socket.getProtocol(), version);
      assert.equal(socket.alpnProtocol, alpn === undefined ? false : "mqtt");
      assert.equal(socket.authorized, true);
      socket.destroy();
    }
  }
  assert.equal(endpoint.metrics.total("tls_handshake_ok"), 6);
  assert.equal(endpoint.last.peer.certificate, null);
  assert.equal(endpoint.last.peer.address, "127.0.0.1");
});

test("a client that offers other protocols only is refused", async (context) => {
  const endpoint = await TlsEndpoint.open(context, tlsConfiguration(own));
  const refusal = await endpoint.shake({ ALPNProtocols: ["http/1.1"] });
  assert.equal(refusal, "TLS handshake failed: the client offers other protocols only (ALPN)");
  assert.equal(endpoint.metrics.total("tls_handshake_failed"), 1);
});

test("bytes go both ways after the handshake", async (context) => {
  const endpoint = await TlsEndpoint.open(context, tlsConfiguration(own));
  const client = await endpoint.shake();
  assert.ok(client instanceof TLSSocket);
  const server = endpoint.lastSocket;
  const got: Buffer[] = [];
  server.on("data", (chunk: Buffer) => {
    got.push(chunk);
    server.write(chunk);
  });
  const back: Buffer[] = [];
  client.on("data", (chunk: Buffer) => back.push(chunk));
  const bytes = Buffer.alloc(200_000, "abcdefg");
  client.write(bytes);
  await until("all bytes", () => Buffer.concat(back).length === bytes.length);
  assert.ok(Buffer.concat(back).equals(bytes));
});

test("a certificate is asked for, checked, and refused with the reason", async (context) => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const only = { minVersion: version, maxVersion: version };
    const endpoint = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlFile: "" }));
    const good = await endpoint.shake({ ...only, ...as(pki.client) });
    assert.ok(good instanceof TLSSocket, String(good));
    assert.equal(endpoint.last.peer.certificate?.commonName, "good-client");
    assert.match(String(endpoint.last.peer.certificate?.der?.length), /^\d{3}$/);
    assert.equal(endpoint.last.peer.identity, null);
    const cases: readonly [object, RegExp][] = [
      [{}, /the client has no certificate, and require_certificate is on$/],
      [
        as(pki.strangeClient),
        /client's certificate strange-client comes from an authority that is not in the cafile$/,
      ],
      [as(pki.expiredClient), /client's certificate expired-client has expired$/],
      [as(pki.selfSigned), /client's certificate self-signed is signed by itself$/],
    ];
    for (const [options, reason] of cases)
      assert.match(String(await endpoint.shake({ ...only, ...options })), reason);
  }
});

test("a certificate that is signed by itself is refused although it is trusted", async (context) => {
  const endpoint = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...strict, caFile: pki.selfSigned.cert }),
  );
  assert.match(String(await endpoint.shake(as(pki.selfSigned))), /self-signed is signed by itself$/);
});

test("revoked certificates are refused, and all of an authority whose list is outdated or missing", async (context) => {
  const revoking = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlFile: pki.crl }));
  assert.ok((await revoking.shake(as(pki.client))) instanceof TLSSocket);
  assert.match(String(await revoking.shake(as(pki.revokedClient))), /revoked-client has been revoked$/);
  assert.match(
    String(await revoking.shake(as(pki.deepClient))),
    /deep-client cannot be judged: the crlfile has no list/,
  );
  const outdated = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlFile: pki.outdatedCrl }));
  assert.match(
    String(await outdated.shake(as(pki.client))),
    /good-client cannot be judged: .* outdated \(crlfile\)$/,
  );
  assert.match(
    outdated.lines.join("\n"),
    /the list of Test Root is outdated since .*; clients of that authority are refused/,
  );
  const both = join(directory, "both.crl");
  writeFileSync(both, readFileSync(pki.crl, "utf8") + readFileSync(pki.between.revocationList(), "utf8"));
  const complete = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, crlFile: both }));
  assert.ok((await complete.shake(as(pki.deepClient))) instanceof TLSSocket);
});

test("depth is how many certificates may lie in between", async (context) => {
  const shallow = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, depth: 0 }));
  assert.ok((await shallow.shake(as(pki.client))) instanceof TLSSocket);
  assert.match(
    String(await shallow.shake(as(pki.deepClient))),
    /deep-client has too long a chain: 1 certificates between it and the authority, and depth is 0$/,
  );
  const deep = await TlsEndpoint.open(context, tlsConfiguration({ ...strict, depth: 1 }));
  assert.ok((await deep.shake(as(pki.deepClient))) instanceof TLSSocket);
});

test("a tenant's authority lets in its own clients, without its root", async (context) => {
  const tenant = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...strict, caFile: pki.between.cert, depth: 0 }),
  );
  assert.ok((await tenant.shake(as(pki.deepClient))) instanceof TLSSocket);
  assert.match(
    String(await tenant.shake(as(pki.client))),
    /good-client comes from an authority that is not in the cafile/,
  );
});

test("the common name becomes the user name", async (context) => {
  const endpoint = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...own, caFile: pki.root.cert, useIdentityAsUsername: true }),
  );
  assert.ok((await endpoint.shake(as(pki.client))) instanceof TLSSocket);
  assert.equal(endpoint.last.peer.identity, "good-client");
  assert.ok((await endpoint.shake()) instanceof TLSSocket, "no certificate is required");
  assert.equal(endpoint.last.peer.identity, null);
  assert.match(String(await endpoint.shake(as(pki.strangeClient))), /not in the cafile/);
  assert.match(String(await endpoint.shake(as(pki.namelessClient))), /no common name/);
});

test("the name of the server chooses the certificate", async (context) => {
  const endpoint = await TlsEndpoint.open(
    context,
    tlsConfiguration({
      ...strict,
      sni: [
        {
          name: "two",
          certificateFile: pki.named.cert,
          keyFile: pki.named.key,
          keyPassword: "",
          ocspFile: "",
        },
      ],
    }),
  );
  const names: readonly [string, string][] = [
    ["sni.example.org", "named"],
    ["A.tenants.example.org", "named"],
    ["a.b.tenants.example.org", "localhost"],
    ["example.org", "localhost"],
    ["localhost", "localhost"],
  ];
  for (const [servername, expected] of names) {
    const socket = await endpoint.shake({ servername, ...as(pki.client) });
    assert.ok(socket instanceof TLSSocket, String(socket));
    assert.equal(socket.getPeerCertificate().subject.CN, expected, servername);
  }
  assert.match(String(await endpoint.shake({ servername: "sni.example.org" })), /no certificate/);
  assert.match(
    String(await endpoint.shake({ servername: "sni.example.org", ...as(pki.strangeClient) })),
    /not in the cafile/,
  );
});

test("pre-shared keys, with and without a certificate of the listener", async (context) => {
  const pskFile = join(directory, "vmq.psk");
  writeFileSync(pskFile, "# devices\nalice:secret\nbob:another:one\n");
  for (const rest of [{}, own]) {
    const endpoint = await TlsEndpoint.open(
      context,
      tlsConfiguration({ pskSupport: true, pskFile, useIdentityAsUsername: true, ...rest }),
    );
    const psk = (identity: string, key: string) => ({
      pskCallback: () => ({ psk: Buffer.from(key), identity }),
    });
    const only = { maxVersion: "TLSv1.2", ciphers: "PSK", checkServerIdentity: () => undefined } as const;
    for (const [identity, key] of [
      ["alice", "secret"],
      ["bob", "another:one"],
    ] as const) {
      const socket = await endpoint.shake({ ...only, ...psk(identity, key) });
      assert.ok(socket instanceof TLSSocket, String(socket));
      assert.equal(endpoint.last.peer.identity, identity);
      assert.match(socket.getCipher().name, /PSK/);
      const session = socket.getSession();
      const again = await endpoint.shake({ ...only, ...psk(identity, key), ...(session && { session }) });
      assert.ok(again instanceof TLSSocket, String(again));
      assert.equal(endpoint.lastSocket.isSessionReused(), false);
      assert.equal(endpoint.last.peer.identity, identity);
    }
    assert.match(
      String(await endpoint.shake({ ...only, ...psk("carol", "x") })),
      /identity is not in the pskfile/,
    );
    assert.match(String(await endpoint.shake({ ...only, ...psk("alice", "wrong") })), /wrong pre-shared key/);
  }
});

test("an encrypted key is read with its password", async (context) => {
  const endpoint = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...own, keyFile: pki.encryptedKey, keyPassword: KEY_PASSWORD }),
  );
  assert.ok((await endpoint.shake()) instanceof TLSSocket);
});

test("versions, ciphers and curves are those of the configuration", async (context) => {
  const older = await TlsEndpoint.open(
    context,
    tlsConfiguration({
      ...own,
      versions: ["tlsv1.2"],
      ciphers: ["ECDHE-ECDSA-AES256-GCM-SHA384"],
      curves: ["secp384r1"],
    }),
  );
  const socket = await older.shake();
  assert.ok(socket instanceof TLSSocket);
  assert.equal(socket.getProtocol(), "TLSv1.2");
  assert.equal(socket.getCipher().name, "ECDHE-ECDSA-AES256-GCM-SHA384");
  assert.match(JSON.stringify(socket.getEphemeralKeyInfo()), /secp384r1|P-384/);
  assert.match(String(await older.shake({ minVersion: "TLSv1.3" })), /none of the versions in tls_version$/);
  assert.match(
    String(await older.shake({ ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })),
    /no cipher in common/,
  );
  const newer = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...own, versions: ["tlsv1.3"], ciphers: ["TLS_AES_128_GCM_SHA256"] }),
  );
  const second = await newer.shake();
  assert.ok(second instanceof TLSSocket);
  assert.equal(second.getCipher().name, "TLS_AES_128_GCM_SHA256");
  assert.match(String(await newer.shake({ maxVersion: "TLSv1.2" })), /none of the versions in tls_version$/);
  const old = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...own, versions: ["tlsv1", "tlsv1.1", "tlsv1.3"] }),
  );
  assert.match(old.lines.join("\n"), /tls_version: tlsv1 and tlsv1.1 are broken/);
  const third = await old.shake({ minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
  assert.ok(third instanceof TLSSocket, String(third));
  assert.match(
    String(await old.shake({ minVersion: "TLSv1.2", maxVersion: "TLSv1.2" })),
    /none of the versions|not TLS/,
  );
});

test("sessions are resumed over a new certificate, and not over a change of who is trusted", async (context) => {
  const crlFile = join(directory, "changing.crl");
  writeFileSync(crlFile, readFileSync(pki.crl));
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const endpoint = await TlsEndpoint.open(
      context,
      tlsConfiguration({ ...strict, useIdentityAsUsername: true, crlFile }),
    );
    const options = { ...as(pki.client), minVersion: version, maxVersion: version };
    const sessionOf = async (session?: Buffer): Promise<Buffer> => {
      endpoint.session = null;
      const socket = await endpoint.shake(session === undefined ? options : { ...options, session });
      assert.ok(socket instanceof TLSSocket, String(socket));
      endpoint.lastSocket.write("x");
      // Version 1.2 gives no new session for a resumed one.
      await until("a session", () => endpoint.session !== null || endpoint.lastSocket.isSessionReused());
      socket.destroy();
      return endpoint.session ?? session ?? Buffer.alloc(0);
    };
    const first = await sessionOf();
    assert.equal(endpoint.lastSocket.isSessionReused(), false);
    assert.deepEqual(await endpoint.tls.reload(), []);
    const second = await sessionOf(first);
    assert.equal(endpoint.lastSocket.isSessionReused(), true, `${version} after reloading`);
    assert.equal(endpoint.last.peer.identity, "good-client", "the identity is kept with the session");
    assert.equal(endpoint.metrics.total("tls_handshake_resumed"), 1);
    writeFileSync(crlFile, readFileSync(pki.root.revocationList(`changed-${version}.crl`)));
    assert.deepEqual(await endpoint.tls.reload(), []);
    await sessionOf(second);
    assert.equal(endpoint.lastSocket.isSessionReused(), false, `${version} after a new list`);
  }
});

test("what is not TLS is called by its name", async (context) => {
  const endpoint = await TlsEndpoint.open(context, tlsConfiguration(own));
  const cases: readonly [Buffer, RegExp][] = [
    [Buffer.from([0x10, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0]), /this is MQTT without TLS/],
    [Buffer.from("GET / HTTP/1.1\r\n\r\n"), /HTTP without TLS/],
    [Buffer.from([0]), /this is not TLS: the first byte is 0x00/],
    [Buffer.from([0x16, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), /what came is not TLS/],
  ];
  for (const [index, [bytes, reason]] of cases.entries()) {
    const socket = connectPlain(endpoint.port, "127.0.0.1", () => socket.write(bytes));
    socket.on("error", () => {});
    await until("a refusal", () => endpoint.refusals.length === index + 1);
    assert.match(endpoint.refusals[index] ?? "", reason);
    socket.destroy();
  }
  assert.equal(endpoint.metrics.total("tls_handshake_failed"), cases.length);
});

test("half a handshake is cut off in its time, and nothing of it is left", async (context) => {
  const endpoint = await TlsEndpoint.open(
    context,
    tlsConfiguration({ ...own, handshakeTimeoutMilliseconds: 100 }),
  );
  const silent = connectPlain(endpoint.port, "127.0.0.1");
  const begun = connectPlain(endpoint.port, "127.0.0.1", () =>
    begun.write(Buffer.from([0x16, 3, 1, 1, 0, 1, 0])),
  );
  let closed = 0;
  for (const socket of [silent, begun]) socket.on("error", () => {}).on("close", () => closed++);
  await until("both closed", () => closed === 2);
  assert.deepEqual(endpoint.refusals, Array(2).fill("late: no TLS handshake in time"));
});

test("who leaves during the handshake is told of once; who leaves before it is not worth a line", async (context) => {
  const endpoint = await TlsEndpoint.open(context, tlsConfiguration(own));
  const begun = connectPlain(endpoint.port, "127.0.0.1", () =>
    begun.end(Buffer.from([0x16, 3, 1, 1, 0, 1, 0])),
  );
  await until("a refusal", () => endpoint.refusals.length === 1);
  assert.match(endpoint.refusals[0] ?? "", /the client has (closed|cut) the connection$/);
  const silent = connectPlain(endpoint.port, "127.0.0.1", () => silent.end());
  await until("it is gone", () => endpoint.refusals.length === 2);
  assert.equal(endpoint.refusals[1], "vanished");
});
