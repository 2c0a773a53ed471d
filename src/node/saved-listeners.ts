import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ListenerRequest } from "../config/requested-listener.ts";
import { type ListenerKind, listenerKinds } from "../config/schema/listener/kind.ts";

/** Listeners that were started by command and are to be there after a restart, in a file of the data directory. */
export class SavedListeners {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws when the file is not as it was written. */
  read(): readonly ListenerRequest[] {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed)) throw new Error(`${this.#path} holds no list of listeners`);
    return parsed.map((entry) => this.#request(entry));
  }

  /** Adds a listener, or replaces the one with its address. Throws when the file cannot be written. */
  add(request: ListenerRequest): void {
    this.#write([...this.#others(request.address, request.port), request]);
  }

  /** Throws when the file cannot be written. */
  remove(address: string, port: number): void {
    const others = this.#others(address, port);
    if (others.length !== this.read().length) this.#write(others);
  }

  #others(address: string, port: number): readonly ListenerRequest[] {
    return this.read().filter((saved) => saved.address !== address || saved.port !== port);
  }

  /** Whole or not at all. Options may hold the password of a key: nobody else may read it. */
  #write(requests: readonly ListenerRequest[]): void {
    const entries = requests.map(({ attributes, ...rest }) => ({
      ...rest,
      options: Object.fromEntries(attributes),
    }));
    const next = `${this.#path}.new`;
    writeFileSync(next, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.#path);
  }

  #request(entry: unknown): ListenerRequest {
    if (typeof entry === "object" && entry !== null && "kind" in entry && "options" in entry) {
      const kind = listenerKinds.find((known): known is ListenerKind => known === entry.kind);
      const { options } = entry;
      if (
        kind !== undefined &&
        "address" in entry &&
        typeof entry.address === "string" &&
        "port" in entry &&
        typeof entry.port === "number" &&
        typeof options === "object" &&
        options !== null
      ) {
        const attributes = new Map(Object.entries(options).map(([name, text]) => [name, String(text)]));
        return { kind, address: entry.address, port: entry.port, attributes };
      }
    }
    throw new Error(`${this.#path} holds something that is no listener`);
  }
}
