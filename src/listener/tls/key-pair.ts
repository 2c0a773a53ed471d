import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { problem, readMaterial, reasonOf, TlsError } from "./material-file.ts";
import { pemBlocks } from "./pem.ts";

/** Where a certificate and its key lie. `option` goes before the names in errors: empty, or `sni.NAME.`. */
export interface KeyPairFiles {
  readonly option: string;
  readonly certificateFile: string;
  /** Empty: the key lies in the certificate's file. */
  readonly keyFile: string;
  readonly keyPassword: string;
}

/** A certificate with its chain, and its key. */
export interface KeyPair {
  /** The certificate first, then what lies between it and its authority. */
  readonly chain: readonly X509Certificate[];
  /** The chain, PEM. */
  readonly certificate: string;
  /** The key, PEM, decrypted: it is in memory only. */
  readonly key: string;
}

/** The certificates of a PEM file. Throws a `TlsError` when one cannot be read, or there is none. */
export function readCertificates(option: string, path: string, bytes: Buffer): readonly X509Certificate[] {
  const blocks = pemBlocks(bytes.toString("latin1"));
  const certificates = blocks.filter(({ label }) => /^(TRUSTED |X509 )?CERTIFICATE$/.test(label));
  if (certificates.length === 0) {
    const found = [...new Set(blocks.map(({ label }) => label))].join(", ");
    const reason = found === "" ? "the file is not PEM" : `it has no certificate, but ${found}`;
    throw problem(option, path, reason);
  }
  return certificates.map(({ text }, index) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw problem(option, path, `certificate ${index + 1} cannot be read: ${reasonOf(error)}`);
    }
  });
}

/** Reads a certificate and its key, and makes sure that they belong together. */
export async function readKeyPair(files: KeyPairFiles): Promise<KeyPair> {
  const { certificateFile } = files;
  const certOption = `${files.option}certfile`;
  const [certificateBytes, key] = await settled([readMaterial(certOption, certificateFile), readKey(files)]);
  const chain = readCertificates(certOption, certificateFile, certificateBytes);
  const [certificate] = chain;
  if (certificate === undefined || !certificate.checkPrivateKey(key)) {
    throw problem(
      `${files.option}keyfile`,
      files.keyFile === "" ? certificateFile : files.keyFile,
      `the key does not belong to the certificate in ${certificateFile}`,
    );
  }
  return {
    chain,
    certificate: chain.map(String).join(""),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

async function readKey({ option, certificateFile, keyFile, keyPassword }: KeyPairFiles): Promise<KeyObject> {
  const path = keyFile === "" ? certificateFile : keyFile;
  const name = `${option}keyfile`;
  // A file that is both is told of once.
  const bytes = await readMaterial(keyFile === "" ? `${option}certfile` : name, path);
  const block = pemBlocks(bytes.toString("latin1")).find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (block === undefined) {
    const reason =
      keyFile === ""
        ? "there is no keyfile, and no key beside the certificate"
        : "it has no private key in PEM";
    throw problem(name, path, reason);
  }
  const encrypted = block.label.startsWith("ENCRYPTED") || block.text.includes("ENCRYPTED");
  if (encrypted && keyPassword === "") {
    throw problem(name, path, `the key is encrypted; ${option}keypasswd must hold its password`);
  }
  try {
    return createPrivateKey({ key: block.text, passphrase: keyPassword });
  } catch (error) {
    throw problem(
      name,
      path,
      encrypted
        ? `${option}keypasswd is not the password of the key`
        : `the key cannot be read: ${reasonOf(error)}`,
    );
  }
}

/** Waits for both, so that all problems are told at once. */
async function settled<A, B>([first, second]: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  const problems = [a, b].flatMap((result): unknown[] =>
    result.status === "rejected" ? [result.reason] : [],
  );
  if (a.status === "fulfilled" && b.status === "fulfilled") return [a.value, b.value];
  throw TlsError.all(problems);
}
