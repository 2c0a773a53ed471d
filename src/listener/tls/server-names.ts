import type { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";

/** The contexts of a listener's further certificates, found by the name of the server that a client asks for (SNI). */
export class ServerNames {
  readonly #contexts = new Map<string, SecureContext>();

  /** Adds a certificate under all names that it is for. Returns those names that another has already. */
  add(certificate: X509Certificate, context: SecureContext): readonly string[] {
    const taken: string[] = [];
    for (const name of namesOf(certificate)) {
      if (this.#contexts.has(name)) taken.push(name);
      else this.#contexts.set(name, context);
    }
    return taken;
  }

  get size(): number {
    return this.#contexts.size;
  }

  /** The context for a name, by itself or by a wildcard for its first label [RFC 6125, 6.4.3]. */
  find(name: string): SecureContext | undefined {
    const asked = name.toLowerCase();
    const dot = asked.indexOf(".");
    return this.#contexts.get(asked) ?? (dot < 0 ? undefined : this.#contexts.get(`*${asked.slice(dot)}`));
  }
}

/** The host names of a certificate in small letters; without alternative names that is its common name. */
function namesOf({ subjectAltName, subject }: X509Certificate): readonly string[] {
  const names = (subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length).toLowerCase());
  if (names.length > 0 || subjectAltName !== undefined) return names;
  const common = subject.split("\n").find((line) => line.startsWith("CN="));
  return common === undefined ? [] : [common.slice("CN=".length).toLowerCase()];
}
