/**
 * Certificates for tests, made with the openssl command: two authorities, one between, and what a broker and its clients
 * need of good and bad ones.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate and its key. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

const DAY = 86_400_000;

/** An authority with a folder of its own: its certificate is `ca.pem` there, its key `ca.key`. */
export class Authority {
  readonly directory: string;
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly #config: string;

  private constructor(directory: string, name: string) {
    this.directory = directory;
    this.name = name;
    this.cert = join(directory, "ca.pem");
    this.key = join(directory, "ca.key");
    this.#config = join(directory, "openssl.cnf");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "index.txt"), "");
    writeFileSync(join(directory, "serial"), "1000\n");
    writeFileSync(join(directory, "crlnumber"), "01\n");
    writeFileSync(this.#config, configuration(directory));
  }

  /** One that vouches for itself. */
  static root(directory: string, name: string): Authority {
    const authority = new Authority(directory, name);
    newKey(authority.key);
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      authority.key,
      "-out",
      authority.cert,
      "-days",
      "30",
      "-subj",
      `/CN=${name}`,
      "-config",
      authority.#config,
      "-extensions",
      "authority",
    );
    return authority;
  }

  /** One that this one vouches for. */
  intermediate(directory: string, name: string): Authority {
    const authority = new Authority(directory, name);
    newKey(authority.key);
    this.#sign(
      authority.key,
      authority.cert,
      `/CN=${name}`,
      "authority",
      "",
      new Date(Date.now() - DAY),
      new Date(Date.now() + 30 * DAY),
    );
    return authority;
  }

  /** A certificate; `names` as in the configuration of openssl (`DNS:localhost`). */
  issue(
    commonName: string,
    options: {
      for?: "server" | "client";
      names?: string;
      from?: Date;
      to?: Date;
      file?: string;
      subject?: string;
    } = {},
  ): Credentials {
    const file = options.file ?? commonName;
    const key = join(this.directory, `${file}.key`);
    const cert = join(this.directory, `${file}.pem`);
    newKey(key);
    this.#sign(
      key,
      cert,
      options.subject ?? `/CN=${commonName}`,
      options.for ?? "client",
      options.names ?? "",
      options.from ?? new Date(Date.now() - DAY),
      options.to ?? new Date(Date.now() + 30 * DAY),
    );
    return { cert, key };
  }

  revoke({ cert }: Pick<Credentials, "cert">): void {
    openssl("ca", "-config", this.#config, "-revoke", cert);
  }

  /** Writes the list of what has been revoked; returns its path. */
  revocationList(file = "crl.pem", nextUpdate = new Date(Date.now() + 10 * DAY)): string {
    const path = join(this.directory, file);
    const from = utcTime(new Date(Date.now() - 5 * DAY));
    openssl(
      "ca",
      "-config",
      this.#config,
      "-gencrl",
      "-crl_lastupdate",
      from,
      "-crl_nextupdate",
      utcTime(nextUpdate),
      "-out",
      path,
    );
    return path;
  }

  #sign(
    key: string,
    cert: string,
    subject: string,
    extensions: string,
    names: string,
    from: Date,
    to: Date,
  ): void {
    const request = `${cert}.csr`;
    openssl("req", "-new", "-key", key, "-out", request, "-subj", subject, "-config", this.#config);
    const extra = `${cert}.cnf`;
    writeFileSync(
      extra,
      `${configuration(this.directory)}${names === "" ? "" : `\n[named]\nbasicConstraints = CA:FALSE\nsubjectAltName = ${names}\n`}`,
    );
    openssl(
      "ca",
      "-batch",
      "-notext",
      "-config",
      extra,
      "-extensions",
      names === "" ? extensions : "named",
      "-in",
      request,
      "-out",
      cert,
      "-startdate",
      utcTime(from),
      "-enddate",
      utcTime(to),
    );
  }
}

function configuration(directory: string): string {
  return `[ca]
default_ca = own
[own]
dir = ${directory}
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 10
policy = any
unique_subject = no
string_mask = utf8only
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = subject
prompt = no
[subject]
CN = unused
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
`;
}

function utcTime(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
}

function newKey(path: string): void {
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path);
}

/** A certificate of a client that vouches for itself. */
export function selfSigned(directory: string): Credentials {
  const key = join(directory, "self.key");
  const cert = join(directory, "self.pem");
  newKey(key);
  openssl(
    "req",
    "-x509",
    "-new",
    "-key",
    key,
    "-out",
    cert,
    "-days",
    "30",
    "-subj",
    "/CN=self-signed",
    "-addext",
    "extendedKeyUsage=clientAuth",
  );
  return { cert, key };
}

/** The key of a file, encrypted with a password, in another file. */
export function encryptKey(key: string, to: string, password: string): void {
  openssl("pkcs8", "-topk8", "-in", key, "-out", to, "-passout", `pass:${password}`);
}

/** Runs openssl; throws with what it said when it fails. */
export function openssl(...argv: string[]): string {
  return execFileSync("openssl", argv, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
