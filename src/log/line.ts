import type { LogLevel } from "./level.ts";
import type { LogFormat, LogTemplate } from "./options.ts";

/** Longest message of one line, in UTF-16 units: a client cannot make a line longer. */
export const MAX_MESSAGE_LENGTH = 8192;

// C0 and C1 controls, DEL, line separators, and the characters that reorder what a terminal shows.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/u;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE.source, "gu");

function escaped(character: string): string {
  switch (character) {
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
    default:
      return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
}

/** Most lines: nothing else needs looking for. */
const PLAIN = /^[ -~]*$/;

/** Text from a client (client id, topic, username) with everything a terminal would act on written as an escape. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return UNPRINTABLE.test(text) ? text.replace(UNPRINTABLE_ALL, escaped) : text;
}

/** Cuts an over-long message and says so. */
export function bounded(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length - limit} characters cut)` : text;
}

/** How lines of one destination look. */
export interface LineStyle {
  readonly format: LogFormat;
  readonly template: LogTemplate;
}

function textLine({ template }: LineStyle, time: string, level: LogLevel, message: string): string {
  return template === "simple" ? `${time} ${level}: ${message}\n` : `${time} [${level}] ${message}\n`;
}

/** One entry as the text of one line, newline included. */
export function formatLine(
  style: LineStyle,
  time: string,
  level: LogLevel,
  event: string,
  message: string,
): string {
  if (style.format === "json") return `${JSON.stringify({ time, level, event, message })}\n`;
  return textLine(style, time, level, message);
}

/** A crash report: the summary line and the stack, one indented line per frame (JSON: one object). */
export function formatCrash(
  style: LineStyle,
  time: string,
  event: string,
  message: string,
  stack: readonly string[],
): string {
  if (style.format === "json") return `${JSON.stringify({ time, level: "error", event, message, stack })}\n`;
  return textLine(style, time, "error", message) + stack.map((frame) => `    ${frame}\n`).join("");
}
