import { readFile, stat } from "node:fs/promises";

/** One file of a listener that cannot be used. */
export interface FileProblem {
  /** The option that names it, without the listener: `certfile`, `sni.NAME.keyfile`. */
  readonly option: string;
  readonly path: string;
  readonly reason: string;
  /** This process may not read it. */
  readonly forbidden: boolean;
}

/** Something of a listener's certificates, keys or lists that cannot be used. */
export class TlsError extends Error {
  /** Each is about one file, or a sentence about the options. */
  readonly problems: readonly (FileProblem | string)[];

  constructor(problems: readonly (FileProblem | string)[]) {
    super(linesOf(problems).join("; "));
    this.problems = problems;
  }

  /** The problems in words: `certfile /etc/ssl/cert.pem: the file does not exist`. */
  get lines(): readonly string[] {
    return linesOf(this.problems);
  }

  /** All problems of several errors, each once; of another error, its reason. */
  static all(errors: readonly unknown[]): TlsError {
    const problems = errors.flatMap((error) =>
      error instanceof TlsError ? [...error.problems] : [reasonOf(error)],
    );
    return new TlsError([...new Map(problems.map((found) => [lineOf(found), found])).values()]);
  }
}

function lineOf(found: FileProblem | string): string {
  return typeof found === "string" ? found : `${found.option} ${found.path}: ${found.reason}`;
}

function linesOf(problems: readonly (FileProblem | string)[]): readonly string[] {
  return problems.map(lineOf);
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "the file does not exist"],
  ["EACCES", "the file may not be read by the user that runs the broker"],
  ["EPERM", "the file may not be read by the user that runs the broker"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of the path is no directory"],
  ["ELOOP", "its symbolic links lead in a circle"],
]);

/** Larger files are not what they should be. */
const LARGEST = 64 * 1024 * 1024;

/** The bytes of a file. Rejects with a `TlsError` that names the option, the file and the reason. */
export async function readMaterial(option: string, path: string, mayBeEmpty = false): Promise<Buffer> {
  let bytes: Buffer;
  try {
    const found = await stat(path);
    // Reading a pipe could wait for ever, a device go on for ever.
    if (!found.isFile() && !found.isDirectory())
      throw problem(option, path, "it is a pipe or a device, not a file");
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof TlsError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = REASONS.get(code) ?? `it cannot be read: ${code}`;
    throw new TlsError([{ option, path, reason, forbidden: code === "EACCES" || code === "EPERM" }]);
  }
  if (bytes.length === 0 && !mayBeEmpty) throw problem(option, path, "the file is empty");
  if (bytes.length > LARGEST) throw problem(option, path, "the file is larger than 64 MB");
  return bytes;
}

/** The error of one file that could be read. */
export function problem(option: string, path: string, reason: string): TlsError {
  return new TlsError([{ option, path, reason, forbidden: false }]);
}

/** What OpenSSL or the runtime said, without codes and places. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^error:[0-9A-F]+:[^:]*:[^:]*:(.+)$/.exec(text)?.[1] ?? text;
}
