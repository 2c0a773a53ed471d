import { readFileSync } from "node:fs";

/** Fewer open files than this are too few for a broker in production. */
const RECOMMENDED_OPEN_FILES = 65_536;

/** The limit of open files of this process; undefined where the system does not tell. */
export function openFilesLimit(limits = "/proc/self/limits"): number | undefined {
  let text: string;
  try {
    text = readFileSync(limits, "utf8");
  } catch {
    return undefined;
  }
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  if (soft === "unlimited") return Number.POSITIVE_INFINITY;
  return soft === undefined ? undefined : Number(soft);
}

/** The warning about a limit that is too low, empty when it is not. */
export function openFilesWarning(limit: number | undefined): string {
  if (limit === undefined || limit >= RECOMMENDED_OPEN_FILES) return "";
  const warning = `!!!! WARNING: ulimit -n is ${limit}; ${RECOMMENDED_OPEN_FILES} is the recommended minimum.`;
  return `!!!!\n${warning}\n!!!!\n`;
}
