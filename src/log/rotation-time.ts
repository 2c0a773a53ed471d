/** When a log file is rotated besides by its size. Times are local. */
export type RotationTime =
  | { readonly every: "day"; readonly hour: number }
  /** Day 0 is Sunday. */
  | { readonly every: "week"; readonly day: number; readonly hour: number }
  /** Day 1 to 31; in a shorter month the last one. */
  | { readonly every: "month"; readonly day: number; readonly hour: number };

/** The last moment, at or before `now`, at which a rotation was due. Epoch milliseconds. */
export function lastRotation(time: RotationTime, now: number): number {
  const date = new Date(now);
  date.setHours(time.hour, 0, 0, 0);
  switch (time.every) {
    case "day":
      if (date.getTime() > now) date.setDate(date.getDate() - 1);
      break;
    case "week":
      date.setDate(date.getDate() - ((date.getDay() - time.day + 7) % 7));
      if (date.getTime() > now) date.setDate(date.getDate() - 7);
      break;
    case "month": {
      const { day } = time;
      toDay(date, day);
      if (date.getTime() > now) {
        date.setDate(0);
        toDay(date, day);
      }
    }
  }
  return date.getTime();
}

function toDay(date: Date, day: number): void {
  const last = new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate();
  date.setDate(Math.min(day, last));
}
