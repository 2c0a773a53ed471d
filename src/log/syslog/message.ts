import { type LogLevel, severity } from "../level.ts";

/** Facilities by their names [RFC 5424, 6.2.1]. */
const FACILITIES: ReadonlyMap<string, number> = new Map(
  [
    ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
    ...["ntp", "logaudit", "logalert", "clock"],
    ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
  ].map((name, number) => [name, number]),
);

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** What of a message is the same for all. */
export interface SyslogHeader {
  /** The name of a facility; `kernel` is another one for `kern`. */
  readonly facility: string;
  readonly host: string;
  readonly appName: string;
  readonly processId: number;
}

/** The number in the brackets of a message: eight times the facility, plus the severity [RFC 5424, 6.2.1]. */
export function priority(facility: string, level: LogLevel): number {
  const number = FACILITIES.get(facility === "kernel" ? "kern" : facility) ?? 0;
  return number * 8 + (severity("emergency") - severity(level));
}

/** Printable ASCII without blanks, at most `length` characters; `-` for nothing [RFC 5424, 6]. */
function field(text: string, length: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, "_").slice(0, length) || "-";
}

/** A message of RFC 5424, without structured data. MSGID is the event. */
export function rfc5424(
  { facility, host, appName, processId }: SyslogHeader,
  time: string,
  level: LogLevel,
  event: string,
  message: string,
): string {
  const words = [
    `<${priority(facility, level)}>1`,
    time,
    field(host, 255),
    field(appName, 48),
    processId,
    field(event, 32),
    "-",
  ];
  return `${words.join(" ")} ${message}`;
}

/** A message as RFC 3164 describes it: local time without a year, the host without its domain. */
export function rfc3164(
  { facility, host, appName, processId }: SyslogHeader,
  time: string,
  level: LogLevel,
  message: string,
): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((number) => String(number).padStart(2, "0"))
    .join(":");
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, " ")}`;
  const name = field(host.split(".")[0] ?? "", 255);
  return `<${priority(facility, level)}>${day} ${clock} ${name} ${appName}[${processId}]: ${message}`;
}
