import { accepted, refused, type ValueType } from "./value-type.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ["f", 2 * WEEK],
  ["w", WEEK],
  ["d", DAY],
  ["h", HOUR],
  ["m", MINUTE],
  ["s", SECOND],
  ["ms", 1],
]);

/** A sum of segments such as `1h30m`; units f (fortnight), w, d, h, m, s, ms. Read as whole milliseconds. */
export const duration: ValueType<number> = {
  name: "duration",
  allowed: "a time such as 1h30m, with the units f (fortnight), w, d, h, m, s and ms",
  parse(text) {
    if (!/^((\d+\.?\d*|\.\d+)(ms|[fwdhms]))+$/.test(text)) return refused("is not a duration");
    let milliseconds = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ms|[fwdhms])/g)) {
      milliseconds += Number(amount) * (DURATION_UNITS.get(unit ?? "") ?? 0);
    }
    return accepted(Math.ceil(milliseconds));
  },
};

/** The letters of a period and their seconds. A month is four weeks and a year twelve such months. */
const PERIOD_UNITS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["h", HOUR / SECOND],
  ["d", DAY / SECOND],
  ["w", WEEK / SECOND],
  ["m", (4 * WEEK) / SECOND],
  ["y", (48 * WEEK) / SECOND],
]);

/**
 * A whole number and one letter (s, h, d, w, m, y), or the given word for "without end". Read as seconds;
 * the word is read as Infinity.
 */
export function period(endless: string): ValueType<number> {
  const allowed = `a whole number followed by s (second), h (hour), d (day), w (week), m (4 weeks) or y (48 weeks), or the word ${endless}`;
  return {
    name: `period or ${endless}`,
    allowed,
    parse(text) {
      if (text === endless) return accepted(Infinity);
      const match = /^(\d+)([shdwmy])$/.exec(text);
      if (match === null) return refused("is not a period");
      const seconds = Number(match[1]) * (PERIOD_UNITS.get(match[2] ?? "") ?? 0);
      return Number.isSafeInteger(seconds) ? accepted(seconds) : refused("is beyond what a number can hold");
    },
  };
}

/** What `$D0`, `$W0D23` or `$M1D0` says; undefined for the empty text. */
export type RotationMoment =
  | { readonly every: "day"; readonly hour: number }
  | { readonly every: "week" | "month"; readonly day: number; readonly hour: number }
  | undefined;

/** Times of rotation: every day, week or month at an hour. */
export const rotationMoment: ValueType<RotationMoment> = {
  name: "rotation time",
  allowed:
    "$D0 to $D23 (daily at that hour), $W0D0 (weekly, day 0 is Sunday), $M1D0 (monthly), or the empty text",
  parse(text) {
    if (text === "") return accepted(undefined);
    const match = /^\$(?:([WM])(\d{1,2}))?D(\d{1,2})$/.exec(text);
    if (match === null) return refused("is not a time of rotation");
    const [, unit, dayText = "0", hourText = "0"] = match;
    const [day, hour] = [Number(dayText), Number(hourText)];
    if (hour > 23) return refused("has an hour over 23");
    if (unit === undefined) return accepted({ every: "day", hour });
    if (unit === "W" && day > 6) return refused("has a day of the week over 6");
    if (unit === "M" && (day < 1 || day > 31)) return refused("has a day of the month outside 1 to 31");
    return accepted({ every: unit === "W" ? "week" : "month", day, hour });
  },
};
