import { createServer, type Server } from "node:net";
import type { SecureContext } from "node:tls";
import { derElement } from "./der.ts";
import { problem, readMaterial } from "./material-file.ts";

/** An OCSP response that says "successful" begins so [RFC 6960, 4.2.1]. */
const SUCCESSFUL = Buffer.from([0x0a, 0x01, 0x00]);

/** Reads the option ocspfile: the answer of the authority about the certificate, DER. Rejects with a `TlsError`. */
export async function readStaple(option: string, path: string): Promise<Buffer> {
  const bytes = await readMaterial(option, path);
  try {
    const { contentStart } = derElement(bytes, 0, bytes.length);
    if (bytes.subarray(contentStart, contentStart + SUCCESSFUL.length).equals(SUCCESSFUL)) return bytes;
  } catch {
    // Told below.
  }
  throw problem(option, path, "it is no successful OCSP response in DER");
}

/**
 * What the runtime asks for answers to be stapled, by the DER of the certificate. It is a server because the runtime
 * wants one; it never listens.
 */
export function staplingServer(staples: ReadonlyMap<string, Buffer>, context: SecureContext): Server {
  const server = createServer();
  // Where the runtime looks for the certificate; part of its own TLS server, hence not of the types.
  Reflect.set(server, "_sharedCreds", context);
  server.on(
    "OCSPRequest",
    (certificate: Buffer, _issuer: Buffer, done: (error: null, staple: Buffer | null) => void) =>
      done(null, staples.get(certificate.toString("hex")) ?? null),
  );
  return server;
}
