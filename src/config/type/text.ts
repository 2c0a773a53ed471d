import { accepted, refused, type ValueType } from "./value-type.ts";

/** Any text. */
export const string: ValueType<string> = {
  name: "string",
  allowed: "any text",
  parse: (text) => accepted(text),
};

/** A free word, whose meaning the part of the broker that it belongs to decides. */
export const word: ValueType<string> = {
  name: "word",
  allowed: "a word",
  parse: (text) => accepted(text),
};

/** `on` or `off`, in exactly these letters. */
export const flag: ValueType<boolean> = {
  name: "flag",
  allowed: "on, off",
  parse(text) {
    if (text === "on") return accepted(true);
    if (text === "off") return accepted(false);
    return refused("is neither on nor off");
  },
};

/** One of the given words. */
export function enumeration<const Word extends string>(...words: readonly Word[]): ValueType<Word> {
  return {
    name: "enumeration",
    allowed: words.join(", "),
    parse(text) {
      const found = words.find((candidate) => candidate === text);
      return found === undefined ? refused("is not one of the allowed words") : accepted(found);
    },
  };
}

/** The name of an application in messages of syslog [RFC 5424, 6.2.5]. */
export const applicationName: ValueType<string> = {
  name: "string",
  allowed: "1 to 48 characters of ASCII without blanks",
  parse: (text) =>
    /^[\x21-\x7e]{1,48}$/.test(text) ? accepted(text) : refused("is no name of an application"),
};

/** The name of a node. It is a level of the topics below $SYS, a word of commands and a label of metrics. */
export const nodeName: ValueType<string> = {
  name: "string",
  allowed: "1 to 255 characters, such as VerneMQ@127.0.0.1, without blanks, /, + and #",
  parse: (text) => (/^[^\s\p{Cc}/+#]{1,255}$/u.test(text) ? accepted(text) : refused("is no name of a node")),
};

/** Text of exactly one character. */
export const character: ValueType<string> = {
  name: "character",
  allowed: "exactly one character",
  parse: (text) => ([...text].length === 1 ? accepted(text) : refused("is not one character")),
};

/** The string type, but the two characters `""` mean the empty text as well. */
export const stringOrQuotes: ValueType<string> = {
  name: "string",
  allowed: 'any text, "" for none',
  parse: (text) => accepted(text === '""' ? "" : text),
};
