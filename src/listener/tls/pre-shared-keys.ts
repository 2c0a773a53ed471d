import { problem, readMaterial } from "./material-file.ts";

/** The largest key that TLS takes here, bytes. */
const LONGEST_KEY = 256;

/** Keys by identity. */
export type PreSharedKeys = ReadonlyMap<string, Buffer>;

/**
 * Reads a file of pre-shared keys: a line for each, the identity, the separator, and the key as plain text. Empty lines
 * and lines that begin with # are left out. A file without keys is allowed: it lets nobody in. Rejects with a `TlsError`;
 * keys are in none of its words.
 */
export async function readPreSharedKeys(path: string, separator: string): Promise<PreSharedKeys> {
  const text = (await readMaterial("pskfile", path, true)).toString("utf8");
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const where = `line ${index + 1}`;
    const at = line.indexOf(separator);
    if (at < 1) throw problem("pskfile", path, `${where} is not an identity, ${separator} and a key`);
    const identity = line.slice(0, at);
    const key = Buffer.from(line.slice(at + separator.length));
    if (key.length === 0) throw problem("pskfile", path, `${where}: the key of ${identity} is empty`);
    if (key.length > LONGEST_KEY)
      throw problem("pskfile", path, `${where}: the key of ${identity} is longer than ${LONGEST_KEY} bytes`);
    if (keys.has(identity)) throw problem("pskfile", path, `${where}: ${identity} has a key already`);
    keys.set(identity, key);
  }
  return keys;
}
