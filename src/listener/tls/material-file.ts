import { readFile } from "node:fs/promises";

/** Something of a listener's certificates, keys or lists that cannot be used. Each line names the file and says why. */
export class TlsError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("; "));
    this.lines = lines;
  }
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
    bytes = await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw problem(option, path, REASONS.get(code) ?? `it cannot be read: ${code}`);
  }
  if (bytes.length === 0 && !mayBeEmpty) throw problem(option, path, "the file is empty");
  if (bytes.length > LARGEST) throw problem(option, path, "the file is larger than 64 MB");
  return bytes;
}

/** The error of one file: `certfile /etc/ssl/cert.pem: the file does not exist`. */
export function problem(option: string, path: string, reason: string): TlsError {
  return new TlsError([`${option} ${path}: ${reason}`]);
}

/** What OpenSSL or the runtime said, without codes and places. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^error:[0-9A-F]+:[^:]*:[^:]*:(.+)$/.exec(text)?.[1] ?? text;
}
