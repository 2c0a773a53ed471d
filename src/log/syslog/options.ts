import type { LogLevel } from "../level.ts";

/** What the node makes from the `log.syslog.*` keys. */
export interface SyslogOptions {
  readonly level: LogLevel;
  readonly format: "rfc3164" | "rfc5424";
  readonly facility: string;
  readonly appName: string;
  /** Undefined: the service of this machine. */
  readonly remote: SyslogRemote | undefined;
}

/** A syslog server. */
export interface SyslogRemote {
  readonly host: string;
  readonly port: number;
  readonly protocol: "udp" | "tcp" | "tls";
  /** The certificates of the authorities that may vouch for the server, an absolute path; for tls. */
  readonly caFile: string | undefined;
}
