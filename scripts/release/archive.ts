/**
 * Archives whose bytes depend on nothing but what is packed and one point in time: sorted, owned by root, with the
 * modes 0755 and 0644 only.
 */

import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

interface Entry {
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  readonly executable: boolean;
  /** The target of a link, the content of a file. */
  readonly content: Buffer;
}

/** Everything below a directory, as seen from `prefix`, parents first. */
function entriesOf(directory: string, prefix: string): Entry[] {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((path) =>
    path.replaceAll("\\", "/"),
  );
  const root: Entry = { path: prefix, kind: "directory", executable: true, content: Buffer.alloc(0) };
  return [
    root,
    ...paths.sort().map((path): Entry => {
      const full = join(directory, path);
      const stats = lstatSync(full);
      const executable = (stats.mode & 0o100) !== 0;
      const base = { path: `${prefix}/${path}`, executable };
      if (stats.isDirectory()) return { ...base, kind: "directory", content: Buffer.alloc(0) };
      if (stats.isSymbolicLink()) return { ...base, kind: "link", content: Buffer.from(readlinkSync(full)) };
      return { ...base, kind: "file", content: readFileSync(full) };
    }),
  ];
}

const TAR_BLOCK = 512;
const TAR_TYPES = { file: "0", link: "2", directory: "5" } as const;

/** A .tar.gz of a directory; in it the directory is called `prefix`. `epoch` in seconds. */
export function tarGz(directory: string, prefix: string, epoch: number): Buffer {
  const blocks = entriesOf(directory, prefix).flatMap((entry) => {
    const content = entry.kind === "file" ? entry.content : Buffer.alloc(0);
    const padding = Buffer.alloc(-content.length & (TAR_BLOCK - 1));
    return [tarHeader(entry, content.length, epoch), content, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * TAR_BLOCK)]), { level: 9 });
}

function tarHeader({ path, kind, executable, content }: Entry, size: number, epoch: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  const name = kind === "directory" ? `${path}/` : path;
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long for an archive`);
  const octal = (value: number, at: number, digits: number): void => {
    header.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  };
  header.write(name, 0);
  octal(kind === "link" ? 0o777 : executable ? 0o755 : 0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(epoch, 136, 11);
  header.write(TAR_TYPES[kind], 156);
  if (kind === "link") content.copy(header, 157);
  header.write("ustar\u000000root", 257, "latin1");
  header.write("root", 297);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Unix, and the version of the format that has what is used here. */
const ZIP_MADE_BY = (3 << 8) | 20;
const ZIP_NEEDED = 20;
const ZIP_UTF8 = 0x800;
const DEFLATED = 8;

/** A .zip of a directory, in it called `prefix`, without links. `epoch` in seconds. */
export function zip(directory: string, prefix: string, epoch: number): Buffer {
  const parts: Buffer[] = [];
  const records: Buffer[] = [];
  let offset = 0;
  for (const { path, kind, content, executable } of entriesOf(directory, prefix)) {
    if (kind === "link") throw new Error(`${path} is a link, which a .zip for Windows has none of`);
    const name = Buffer.from(kind === "directory" ? `${path}/` : path);
    const packed = deflateRawSync(content, { level: 9 });
    const common = zipCommon(content, packed, name.length, epoch);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), common, name, packed]);
    const record = Buffer.alloc(14);
    const mode = kind === "directory" ? 0o040755 : executable ? 0o100755 : 0o100644;
    record.writeUInt32LE(((mode << 16) | (kind === "directory" ? 0x10 : 0)) >>> 0, 6);
    record.writeUInt32LE(offset, 10);
    const madeBy = Buffer.alloc(2);
    madeBy.writeUInt16LE(ZIP_MADE_BY);
    records.push(Buffer.from("PK\u0001\u0002", "latin1"), madeBy, common, record, name);
    parts.push(local);
    offset += local.length;
  }
  const directoryBytes = Buffer.concat(records);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", 0, "latin1");
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directoryBytes, end]);
}

/** The 26 bytes that the entry and its record in the archive's directory share. */
function zipCommon(content: Buffer, packed: Buffer, nameLength: number, epoch: number): Buffer {
  const common = Buffer.alloc(26);
  const time = new Date(epoch * 1000);
  common.writeUInt16LE(ZIP_NEEDED, 0);
  common.writeUInt16LE(ZIP_UTF8, 2);
  common.writeUInt16LE(DEFLATED, 4);
  common.writeUInt16LE(
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1),
    6,
  );
  const year = Math.max(time.getUTCFullYear(), 1980) - 1980;
  common.writeUInt16LE((year << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(), 8);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(nameLength, 22);
  return common;
}
