import type { CertificateFacts } from "./certificate-facts.ts";
import type { RevocationList } from "./revocation-list.ts";

const DAY = 86_400_000;
/** With how many days left there is a warning, from the first one to the last. */
const THRESHOLDS = [30, 14, 7, 3, 1, 0];

/** Says once per threshold that something is about to expire. */
export class ExpiryWarnings {
  #told = new Map<string, number>();

  /** The lines that are due now. */
  due(certificates: readonly CertificateFacts[], now: number): readonly string[] {
    const told = new Map<string, number>();
    const lines: string[] = [];
    for (const { option, file, name, notBefore, notAfter } of certificates) {
      const key = `${option} ${file} ${name} ${notAfter}`;
      const threshold = THRESHOLDS.findLast((days) => notAfter - now <= days * DAY);
      const early = notBefore > now;
      if (threshold !== undefined) told.set(key, threshold);
      if (early)
        lines.push(
          ...(this.#told.has(key)
            ? []
            : [
                `${option} ${file}: the certificate of ${name} is not valid before ${new Date(notBefore).toISOString()}`,
              ]),
        );
      if (early) told.set(key, Infinity);
      const before = this.#told.get(key);
      if (threshold === undefined || early || (before !== undefined && before <= threshold)) continue;
      lines.push(`${option} ${file}: the certificate of ${name} ${remaining(notAfter, now)}`);
    }
    this.#told = told;
    return lines;
  }
}

/** `expired on 2026-11-01T00:00:00.000Z`, or how much time is left. */
function remaining(notAfter: number, now: number): string {
  const date = new Date(notAfter).toISOString();
  if (notAfter <= now) return `has expired on ${date}`;
  const days = Math.floor((notAfter - now) / DAY);
  return `expires on ${date}, in ${days === 0 ? "less than a day" : days === 1 ? "1 day" : `${days} days`}`;
}

/** Whether one of the lists has become outdated between two moments. */
export function becameOutdated(lists: readonly RevocationList[], before: number, now: number): boolean {
  return lists.some(({ nextUpdate }) => nextUpdate > before && nextUpdate <= now);
}
