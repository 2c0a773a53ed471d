/** Characters of a line that is shown. */
const LONGEST_SHOWN = 120;

/** Characters that nobody sees, or that look like others, by name. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["\u0000", "a zero byte"],
  ["\u00a0", "a no-break space"],
  ["\u200b", "a zero-width space"],
  ["\ufeff", "a byte order mark"],
  ["\u2028", "a line separator"],
  ["\uff1d", "a full-width ="],
  ["\u2060", "a word joiner"],
]);

/** The text as it can be shown: cut when it is long, with what nobody sees written out. */
function shown(text: string): string {
  const cut = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return cut.replaceAll(
    /[\p{Cc}\p{Cf}\p{Co}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** What may have been meant by a line that is no statement. */
function hint(text: string): string {
  for (const character of text) {
    const name = NAMES.get(character);
    if (name !== undefined) return `; it has ${name} (U+${codeOf(character)}): write it anew by hand`;
  }
  if (/^(?:\/\/|;|--|\/\*)/.test(text)) return "; a comment begins with #";
  if (/^\[.*\]$/.test(text)) return "; there are no sections: every key is written whole";
  const pair = /^([\w.-]+)(?:\s*:\s+|\s+)(\S+)$/.exec(text);
  return pair === null ? "" : `; did you mean ${pair[1]} = ${pair[2]}?`;
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** What is wrong with a line that is neither a setting nor an include. */
export function misread(text: string): string {
  return `"${shown(text)}" is neither key = value nor include PATH${hint(text)}`;
}

/**
 * What may surprise in a value, in words: quotes and braces of other languages are a part of it. Undefined: nothing.
 */
export function surprise(value: string): string | undefined {
  if (/^".+"$/s.test(value)) return "the double quotes are a part of the value; single quotes are not";
  if (/^[\u2018-\u201f\u00ab\u00bb].*[\u2018-\u201f\u00ab\u00bb]$/s.test(value))
    return "these quotes are a part of the value; only ' is not";
  const variable = /\$\{(\w+)\}/.exec(value)?.[1];
  if (variable !== undefined) return `\${${variable}} is not replaced; $(${variable}) is`;
  return /[^\P{Cc}\n\r\t]|[\u00a0\u200b\ufeff\u2060]/u.test(value)
    ? "it has a character that nobody sees"
    : undefined;
}
