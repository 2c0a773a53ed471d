import type { Clock } from "../../clock/clock.ts";
import type { TlsConfiguration } from "../../config/listeners.ts";
import type { Logger } from "../../log/logger.ts";
import type { CertificateFacts } from "./certificate-facts.ts";
import { becameOutdated, ExpiryWarnings } from "./expiry.ts";
import { FileWatch } from "./file-watch.ts";
import { readTlsMaterial, type TlsMaterial } from "./material.ts";
import { TlsError } from "./material-file.ts";
import { TicketKeys } from "./ticket-keys.ts";
import type { TlsDirectory, TlsListener } from "./tls-directory.ts";

/** How often files are looked at where nobody tells of changes, and times of expiry looked after, milliseconds. */
const LOOK_INTERVAL = 30_000;

/** What TLS listeners of a node work with. */
export interface TlsServices {
  readonly log: Logger;
  readonly clock: Clock;
  readonly tls: TlsDirectory;
}

/** The TLS side of one listener: its certificates, keys and lists, read anew whenever their files change. */
export class ServerTls implements TlsListener {
  /** `listener.ssl.default`. */
  readonly name: string;
  readonly configuration: TlsConfiguration;
  readonly #services: TlsServices;
  readonly #ticketKeys = new TicketKeys();
  readonly #expiry = new ExpiryWarnings();
  readonly #files: FileWatch;
  readonly #lists: FileWatch;
  #material: TlsMaterial | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looked = 0;
  /** The reading that is under way, and the next one behind it. */
  #last: Promise<readonly string[]> = Promise.resolve([]);

  constructor(name: string, configuration: TlsConfiguration, services: TlsServices) {
    this.name = name;
    this.configuration = configuration;
    this.#services = services;
    const { caFile, certificateFile, keyFile, ocspFile, pskSupport, pskFile, sni, crlFile } = configuration;
    const { crlRefreshMilliseconds } = configuration;
    const files = [caFile, certificateFile, keyFile, ocspFile, pskSupport ? pskFile : ""];
    for (const entry of sni) files.push(entry.certificateFile, entry.keyFile, entry.ocspFile);
    const changed = (): void => void this.reload();
    this.#files = new FileWatch(files, LOOK_INTERVAL, true, changed);
    this.#lists = new FileWatch([crlFile], crlRefreshMilliseconds, crlRefreshMilliseconds > 0, changed);
  }

  /** What handshakes use at present. Throws before `open`. */
  get material(): TlsMaterial {
    if (this.#material === null) throw new Error(`${this.name} is not open`);
    return this.#material;
  }

  get certificates(): readonly CertificateFacts[] {
    return this.#material?.certificates ?? [];
  }

  /** Reads all files and begins to look after them. Rejects with a `TlsError`. */
  async open(): Promise<void> {
    await this.#remember();
    this.#use(await this.#read());
    this.#files.start();
    this.#lists.start();
    this.#looked = this.#services.clock.now();
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL).unref();
    this.#services.tls.add(this);
  }

  close(): void {
    this.#services.tls.remove(this);
    this.#files.stop();
    this.#lists.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#material = null;
  }

  /**
   * Reads all files again. Connections that are open stay as they are; handshakes from now on use what was read. What
   * cannot be used changes nothing: it is logged, and the problems are what this resolves to. Never rejects.
   */
  reload(): Promise<readonly string[]> {
    this.#last = this.#last.then(() => this.#reload());
    return this.#last;
  }

  /** Says what has become due: times of expiry. Renews the ticket keys in their time. */
  look(): void {
    const now = this.#services.clock.now();
    const material = this.#material;
    if (material === null) return;
    for (const line of this.#expiry.due(material.certificates, now))
      this.#services.log.warning("tls", `${this.name}: ${line}`);
    const outdated = becameOutdated(material.revocationLists, this.#looked, now);
    this.#looked = now;
    if (outdated || this.#ticketKeys.expired(now)) void this.reload();
  }

  async #reload(): Promise<readonly string[]> {
    if (this.#material === null) return [];
    const { log } = this.#services;
    try {
      await this.#remember();
      const material = await this.#read();
      // Closed meanwhile.
      if (this.#material === null) return [];
      this.#use(material);
      log.info("tls", `${this.name}: certificates and keys have been read again`);
      return [];
    } catch (error) {
      const lines = error instanceof TlsError ? error.lines : [String(error)];
      for (const line of lines) log.error("tls", `${this.name}: ${line}; what was read before stays in use`);
      return lines.map((line) => `${this.name}: ${line}`);
    }
  }

  #read(): Promise<TlsMaterial> {
    const now = this.#services.clock.now();
    return readTlsMaterial(this.configuration, (trust) => this.#ticketKeys.for(trust, now), now);
  }

  #use(material: TlsMaterial): void {
    this.#material = material;
    for (const line of material.warnings) this.#services.log.warning("tls", `${this.name}: ${line}`);
    this.look();
  }

  async #remember(): Promise<void> {
    await Promise.all([this.#files.remember(), this.#lists.remember()]);
  }
}
