import type { Command } from "../command.ts";
import { alert, type Element, table, text } from "../element.ts";
import type { TlsPort } from "../ports.ts";
import { isCount } from "./field-query.ts";

/** Two days, as VerneMQ has it, seconds. */
const VALIDITY = 172_800;

/** `tls show`. */
export function tlsShow(tls: TlsPort): Command {
  return {
    path: ["tls", "show"],
    summary: "Shows the certificates of the running listeners.",
    run: (): Element[] => [
      table(
        ["File", "Not_Before", "Not_After", "CN", "Issuer", "SAN"],
        Array.from(tls.certificates(), ({ file, notBefore, notAfter, name, issuer, alternativeNames }) => [
          file,
          dateText(notBefore),
          dateText(notAfter),
          name,
          issuer,
          alternativeNames,
        ]),
      ),
    ],
  };
}

/** `tls check`. */
export function tlsCheck(tls: TlsPort): Command {
  return {
    path: ["tls", "check"],
    summary: "Shows the certificates that are about to expire.",
    details: [
      "SecExp: seconds until the certificate expires, negative when it has expired.",
      "SecToVal: seconds until it becomes valid, negative when it has.",
    ],
    flags: [
      {
        name: "validity",
        short: "v",
        value: "seconds",
        help: `those that expire within that time, ${VALIDITY} without this flag`,
        accepts: isCount,
      },
    ],
    run: ({ flags }): Element[] => {
      const validity = Number(flags.get("validity") ?? VALIDITY);
      const now = Date.now();
      const rows: (string | number)[][] = [];
      for (const { file, notBefore, notAfter } of tls.certificates()) {
        const [expiry, start] = [secondsFrom(now, notAfter), secondsFrom(now, notBefore)];
        if (expiry <= validity || start > 0)
          rows.push([file, dateText(notBefore), dateText(notAfter), expiry, start]);
      }
      if (rows.length === 0) return [text("All fine")];
      return [table(["File", "Not_Before", "Not_After", "SecExp", "SecToVal"], rows)];
    },
  };
}

/** `tls clear-pem-cache`. */
export function tlsClearPemCache(tls: TlsPort): Command {
  return {
    path: ["tls", "clear-pem-cache"],
    summary: "Reads all certificates, keys and lists of revoked certificates again.",
    details: [
      "Open connections stay. A listener whose files cannot be used keeps what it has; the answer says why.",
    ],
    run: async (): Promise<Element[]> => {
      const failures = await tls.reload();
      return failures.length === 0 ? [text("Done")] : failures.map((failure) => alert(failure));
    },
  };
}

/** `2026-11-26T21:00:00Z`. */
function dateText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

function secondsFrom(now: number, milliseconds: number): number {
  return Math.floor((milliseconds - now) / 1000);
}
