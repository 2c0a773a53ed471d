import { accepted, refused, type ValueType } from "./value-type.ts";

/** The members of `a,b,c`, `[a,b,c]` or `[a, b]`; undefined when the brackets do not match or a member is empty. */
function members(text: string, separator: string): readonly string[] | undefined {
  const opened = text.startsWith("[");
  if (opened !== text.endsWith("]")) return undefined;
  const inner = (opened ? text.slice(1, -1) : text).trim();
  if (inner === "") return [];
  const list = inner.split(separator).map((member) => member.trim());
  return list.includes("") ? undefined : list;
}

/** A list of distinct words: `a,b`, `[a,b]` or `[a, b]`. */
export const wordList: ValueType<readonly string[]> = {
  name: "list",
  allowed: "words separated by commas, optionally within [ ]",
  parse(text) {
    const list = members(text, ",");
    if (list === undefined) return refused("is not a list");
    const repeated = list.find((member, index) => list.indexOf(member) !== index);
    return repeated === undefined ? accepted(list) : refused(`names ${repeated} twice`);
  },
};

/** A list whose members come from a fixed set, with at least one member. Read without repeats. */
export function listOf<const Member extends string>(
  ...allowedMembers: readonly Member[]
): ValueType<readonly Member[]> {
  return {
    name: "list",
    allowed: `one or more of ${allowedMembers.join(", ")}, separated by commas`,
    parse(text) {
      const list = members(text, ",");
      if (list === undefined || list.length === 0) return refused("is not a list of the allowed words");
      const found = new Set<Member>();
      for (const member of list) {
        const known = allowedMembers.find((candidate) => candidate === member);
        if (known === undefined) return refused(`has ${member}, which is not allowed`);
        found.add(known);
      }
      return accepted([...found]);
    },
  };
}

/** Words joined by colons, as OpenSSL writes cipher lists; empty for the built-in choice. */
export const colonList: ValueType<readonly string[]> = {
  name: "colon list",
  allowed: "names separated by colons",
  parse(text) {
    const list = members(text, ":");
    return list === undefined ? refused("is not a list separated by colons") : accepted(list);
  },
};

/** Words joined by semicolons; empty for none. */
export const semicolonList: ValueType<readonly string[]> = {
  name: "semicolon list",
  allowed: "values separated by semicolons",
  parse(text) {
    const list = members(text, ";");
    return list === undefined ? refused("is not a list separated by semicolons") : accepted(list);
  },
};

/** MQTT protocol versions as they stand on the wire; 131 and 132 are the bridge forms of 3 and 4. */
export type ProtocolVersion = 3 | 4 | 5 | 131 | 132;

const VERSIONS: ReadonlyMap<string, ProtocolVersion> = new Map<string, ProtocolVersion>([
  ["3", 3],
  ["4", 4],
  ["5", 5],
  ["131", 131],
  ["132", 132],
]);

/** The protocol versions that a listener accepts. */
export const protocolVersions: ValueType<ReadonlySet<ProtocolVersion>> = {
  name: "list of protocol versions",
  allowed: "one or more of 3 (MQTT 3.1), 4 (3.1.1), 5 (5.0), 131 and 132 (bridges), separated by commas",
  parse(text) {
    const versions = new Set<ProtocolVersion>();
    for (const member of members(text, ",") ?? []) {
      const version = VERSIONS.get(member);
      if (version === undefined) return refused(`has ${member}, which is not a protocol version`);
      versions.add(version);
    }
    return versions.size === 0 ? refused("is not a list of protocol versions") : accepted(versions);
  },
};

/** Sizes of a socket's buffers, in bytes. */
export interface BufferSizes {
  readonly send: number;
  readonly receive: number;
  readonly user: number;
}

/** Three positive whole numbers: send buffer, receive buffer, user buffer. */
export const bufferSizes: ValueType<BufferSizes> = {
  name: "buffer sizes",
  allowed: "three positive whole numbers separated by commas: send, receive and user buffer in bytes",
  parse(text) {
    const numbers = (members(text, ",") ?? []).map((member) => (/^\d+$/.test(member) ? Number(member) : 0));
    const [send, receive, user] = numbers;
    if (numbers.length !== 3 || !send || !receive || !user) {
      return refused("is not three positive whole numbers");
    }
    return accepted({ send, receive, user });
  },
};
