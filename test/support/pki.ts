/** One set of certificates for a test file, good and bad ones, as a broker and its clients need them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Authority, type Credentials, encryptKey, selfSigned } from "./certificates.ts";

const DAY = 86_400_000;

/** The password of `encryptedKey`. */
export const KEY_PASSWORD = "open sesame";

export interface Pki {
  readonly directory: string;
  readonly root: Authority;
  readonly between: Authority;
  readonly other: Authority;
  /** For localhost and 127.0.0.1. */
  readonly server: Credentials;
  /** The same with an encrypted key. */
  readonly encryptedKey: string;
  /** For sni.example.org and *.tenants.example.org. */
  readonly named: Credentials;
  /** For another host than localhost. */
  readonly wrongHost: Credentials;
  readonly expiredServer: Credentials;
  /** A client of the root. */
  readonly client: Credentials;
  /** A client of the authority between; its file holds that one's certificate too. */
  readonly deepClient: Credentials;
  readonly expiredClient: Credentials;
  readonly revokedClient: Credentials;
  /** Of another authority. */
  readonly strangeClient: Credentials;
  /** Its subject has no common name. */
  readonly namelessClient: Credentials;
  /** Signed by itself. */
  readonly selfSigned: Credentials;
  /** Revokes nobody: made before. */
  readonly emptyCrl: string;
  /** Revokes `revokedClient`. */
  readonly crl: string;
  /** The same, but outdated. */
  readonly outdatedCrl: string;
}

/** Makes all of it in a folder. */
export function makePki(directory: string): Pki {
  const root = Authority.root(join(directory, "root"), "Test Root");
  const between = root.intermediate(join(directory, "between"), "Test Between");
  const other = Authority.root(join(directory, "other"), "Other Root");
  const past = { from: new Date(Date.now() - 3 * DAY), to: new Date(Date.now() - DAY) };
  const server = root.issue("localhost", { names: "DNS:localhost,IP:127.0.0.1" });
  const encryptedKey = join(directory, "encrypted.key");
  encryptKey(server.key, encryptedKey, KEY_PASSWORD);
  const deepClient = between.issue("deep-client");
  writeFileSync(deepClient.cert, readFileSync(deepClient.cert, "utf8") + readFileSync(between.cert, "utf8"));
  const revokedClient = root.issue("revoked-client");
  const emptyCrl = root.revocationList("empty.crl");
  root.revoke(revokedClient);
  return {
    directory,
    root,
    between,
    other,
    server,
    encryptedKey,
    named: root.issue("named", { names: "DNS:sni.example.org,DNS:*.tenants.example.org" }),
    wrongHost: root.issue("elsewhere", { names: "DNS:elsewhere.example.org" }),
    expiredServer: root.issue("expired-server", { names: "DNS:localhost", ...past }),
    client: root.issue("good-client"),
    deepClient,
    expiredClient: root.issue("expired-client", past),
    revokedClient,
    strangeClient: other.issue("strange-client"),
    namelessClient: root.issue("nameless", { subject: "/O=Nobody" }),
    selfSigned: selfSigned(directory),
    emptyCrl,
    crl: root.revocationList(),
    outdatedCrl: root.revocationList("outdated.crl", new Date(Date.now() - 2 * DAY)),
  };
}
