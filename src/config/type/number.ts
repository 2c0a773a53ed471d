import { accepted, type Parsed, refused, type ValueType } from "./value-type.ts";

export interface IntegerLimits {
  readonly min?: number;
  readonly max?: number;
}

function rangeText({ min, max }: IntegerLimits): string {
  if (min !== undefined && max !== undefined) return `a whole number from ${min} to ${max}`;
  if (min !== undefined) return `a whole number of at least ${min}`;
  if (max !== undefined) return `a whole number of at most ${max}`;
  return "a whole number";
}

function parseInteger(text: string, limits: IntegerLimits): Parsed<number> {
  if (!/^[+-]?\d+$/.test(text)) return refused("is not a whole number");
  const value = Number(text);
  if (!Number.isSafeInteger(value)) return refused("is beyond what a number can hold");
  if (value < (limits.min ?? -Infinity) || value > (limits.max ?? Infinity))
    return refused("is out of range");
  return accepted(value);
}

/** A decimal whole number within limits. */
export function integer(limits: IntegerLimits = {}): ValueType<number> {
  return { name: "integer", allowed: rangeText(limits), parse: (text) => parseInteger(text, limits) };
}

/** Another number type, or one of some words that stand for a number (`infinity` for Infinity). */
export function numberOr(
  type: ValueType<number>,
  words: Readonly<Record<string, number>>,
): ValueType<number> {
  const names = Object.keys(words);
  return {
    name: `${type.name} or ${names.join(" or ")}`,
    allowed: `${type.allowed}, or ${names.join(", ")}`,
    parse(text, context) {
      const value = Object.hasOwn(words, text) ? words[text] : undefined;
      return value === undefined ? type.parse(text, context) : accepted(value);
    },
  };
}

const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["KB", 1024],
  ["MB", 1024 ** 2],
  ["GB", 1024 ** 3],
]);

/** A number of bytes, with an optional suffix KB, MB or GB in powers of 1024. Read as whole bytes. */
export function byteSize(limits: IntegerLimits = {}): ValueType<number> {
  return {
    name: "bytesize",
    allowed: "a number of bytes, optionally with KB, MB or GB (powers of 1024)",
    parse(text) {
      const match = /^(\d+\.?\d*|\.\d+)(KB|MB|GB|kb|mb|gb|)$/.exec(text);
      const factor = BYTE_UNITS.get((match?.[2] ?? "?").toUpperCase());
      if (match === null || factor === undefined) return refused("is not a size in bytes");
      const bytes = Math.ceil(Number(match[1]) * factor);
      if (!Number.isSafeInteger(bytes)) return refused("is beyond what a number can hold");
      if (bytes < (limits.min ?? 0) || bytes > (limits.max ?? Infinity)) {
        const max = limits.max === undefined ? "" : ` and at most ${limits.max}`;
        return refused(`is out of range: it must be at least ${limits.min ?? 0}${max} bytes`);
      }
      return accepted(bytes);
    },
  };
}

/** A share from 0% to 100%; the sign may be left out. Read as the number before the sign. */
export const percent: ValueType<number> = {
  name: "percent",
  allowed: "a share from 0% to 100%",
  parse(text) {
    const parsed = parseInteger(text.endsWith("%") ? text.slice(0, -1) : text, { min: 0, max: 100 });
    return parsed.ok ? parsed : refused("is not a share from 0% to 100%");
  },
};

/** Permission bits of a file, in octal: `660`. */
export const fileMode: ValueType<number> = {
  name: "file mode",
  allowed: "three octal digits, such as 660",
  parse: (text) =>
    /^0?[0-7]{3}$/.test(text) ? accepted(Number.parseInt(text, 8)) : refused("is not a file mode"),
};
