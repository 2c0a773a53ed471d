/*
 * Takes symbol tables and debug information out of a Linux executable: a seventh of the runtime's size that nobody who
 * runs it needs.
 * Done here and not by binutils' strip, so that the bytes are the same on every machine and for every processor.
 * Field offsets are those of the ELF specification, 64 bits, little-endian.
 */

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const SYMBOLS = 2;
const RELOCATIONS = [4, 9];
const NO_BITS = 8;
const ALLOCATED = 0x2;
const INFO_IS_SECTION = 0x40;

interface Section {
  readonly name: string;
  readonly header: Buffer;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
}

/** The file without its symbol tables and debug information; files of another kind come back as they are. */
export function stripElf(file: Buffer): Buffer {
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) return file;
  const sections = readSections(file);
  const dropped = droppedSections(sections, file.readUInt16LE(0x3e));
  if (dropped.size === 0) return file;
  const position = newPositions(sections, dropped);
  const parts: Buffer[] = [file.subarray(0, loadedEnd(file, sections))];
  let length = parts[0]?.length ?? 0;
  const append = (part: Buffer, alignment: number): number => {
    const padding = -length & (Math.max(alignment, 1) - 1);
    parts.push(Buffer.alloc(padding), part);
    length += padding + part.length;
    return length - part.length;
  };
  const headers = sections.flatMap((section, index) => {
    if (dropped.has(index)) return [];
    const header = Buffer.from(section.header);
    if (index > 0 && !isLoaded(section) && section.type !== NO_BITS) {
      const content = file.subarray(section.offset, section.offset + section.size);
      header.writeBigUInt64LE(BigInt(append(content, section.alignment)), 24);
    }
    header.writeUInt32LE(position[section.link] ?? 0, 40);
    if (infoIsSection(section)) header.writeUInt32LE(position[section.info] ?? 0, 44);
    return [header];
  });
  const table = append(Buffer.concat(headers), 8);
  const result = Buffer.concat(parts);
  result.writeBigUInt64LE(BigInt(table), 0x28);
  result.writeUInt16LE(headers.length, 0x3c);
  result.writeUInt16LE(position[file.readUInt16LE(0x3e)] ?? 0, 0x3e);
  return result;
}

function readSections(file: Buffer): Section[] {
  const start = Number(file.readBigUInt64LE(0x28));
  const entry = file.readUInt16LE(0x3a);
  const headerOf = (index: number): Buffer =>
    file.subarray(start + index * entry, start + (index + 1) * entry);
  const names = Number(headerOf(file.readUInt16LE(0x3e)).readBigUInt64LE(24));
  return Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) => {
    const header = headerOf(index);
    const name = names + header.readUInt32LE(0);
    return {
      name: file.toString("latin1", name, file.indexOf(0, name)),
      header,
      type: header.readUInt32LE(4),
      flags: Number(header.readBigUInt64LE(8)),
      offset: Number(header.readBigUInt64LE(24)),
      size: Number(header.readBigUInt64LE(32)),
      link: header.readUInt32LE(40),
      info: header.readUInt32LE(44),
      alignment: Number(header.readBigUInt64LE(48)),
    };
  });
}

function isLoaded({ flags }: Section): boolean {
  return (flags & ALLOCATED) !== 0;
}

function infoIsSection({ type, flags }: Section): boolean {
  return RELOCATIONS.includes(type) || (flags & INFO_IS_SECTION) !== 0;
}

/** Debug information, the symbol table, the names it uses, and what refers to it, as far as none of it is loaded. */
function droppedSections(sections: readonly Section[], sectionNames: number): ReadonlySet<number> {
  const dropped = new Set<number>();
  for (const [index, section] of sections.entries()) {
    if (section.name.startsWith(".debug_") && !isLoaded(section)) dropped.add(index);
    if (section.type !== SYMBOLS || isLoaded(section)) continue;
    dropped.add(index);
    const names = sections[section.link];
    if (names && !isLoaded(names) && section.link !== sectionNames) dropped.add(section.link);
  }
  for (const [index, section] of sections.entries()) {
    if (RELOCATIONS.includes(section.type) && !isLoaded(section) && dropped.has(section.link))
      dropped.add(index);
  }
  return dropped;
}

/** Where each section stands in the new table. */
function newPositions(sections: readonly Section[], dropped: ReadonlySet<number>): number[] {
  let next = 0;
  return sections.map((_, index) => (dropped.has(index) ? 0 : next++));
}

/** Where what is loaded into memory ends: everything up to there stays as it is. */
function loadedEnd(file: Buffer, sections: readonly Section[]): number {
  let end = 0;
  const segments = Number(file.readBigUInt64LE(0x20));
  for (let index = 0; index < file.readUInt16LE(0x38); index++) {
    const segment = segments + index * file.readUInt16LE(0x36);
    end = Math.max(end, Number(file.readBigUInt64LE(segment + 8) + file.readBigUInt64LE(segment + 32)));
  }
  for (const section of sections) {
    if (isLoaded(section) && section.type !== NO_BITS) end = Math.max(end, section.offset + section.size);
  }
  return end;
}
