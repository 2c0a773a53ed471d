import type { CertificateFacts } from "./certificate-facts.ts";

/** A TLS listener, for whoever looks at its certificates or has them read again. */
export interface TlsListener {
  /** `listener.ssl.default`. */
  readonly name: string;
  /** Those in use, chains and authorities included. */
  readonly certificates: readonly CertificateFacts[];
  /**
   * Reads all files again, changed or not; connections stay. Resolves to what could not be used, a line each, in which
   * case nothing has changed. Never rejects.
   */
  reload(): Promise<readonly string[]>;
}

/** The open TLS listeners of a node: for commands, metrics, and to have all files read again. */
export class TlsDirectory {
  readonly #open = new Set<TlsListener>();

  add(listener: TlsListener): void {
    this.#open.add(listener);
  }

  remove(listener: TlsListener): void {
    this.#open.delete(listener);
  }

  all(): Iterable<TlsListener> {
    return this.#open;
  }

  /** Reads the files of all listeners again. See {@link TlsListener.reload}. */
  async reload(): Promise<readonly string[]> {
    const failures = await Promise.all(Array.from(this.#open, (listener) => listener.reload()));
    return failures.flat();
  }
}
