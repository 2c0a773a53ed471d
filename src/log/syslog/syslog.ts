import { hostname } from "node:os";
import type { LogDestination } from "../destination.ts";
import { LoggerTransport } from "./logger-program.ts";
import { priority, rfc3164, rfc5424, type SyslogHeader } from "./message.ts";
import type { SyslogOptions } from "./options.ts";
import { StreamTransport } from "./stream.ts";
import { SyslogSink } from "./syslog-sink.ts";
import type { SyslogTransport } from "./transport.ts";
import { UdpTransport } from "./udp.ts";

/** The log's way to syslog. */
export function syslogDestination(
  options: SyslogOptions,
  env: Readonly<Record<string, string | undefined>>,
): LogDestination {
  const { level, facility, appName } = options;
  const header: SyslogHeader = { facility, appName, host: hostname(), processId: process.pid };
  return {
    level,
    line: lineOf(options, header),
    open(lossReport, tell) {
      const transport = transportOf(options, header, env);
      return new SyslogSink(transport, lossReport, (problem) => {
        if (problem === null) tell("info", `syslog (${transport.name}) takes lines again`);
        else
          tell(
            "error",
            `syslog (${transport.name}) cannot be reached: ${problem}; lines wait, and it is tried again`,
          );
      });
    },
  };
}

function lineOf({ remote, format }: SyslogOptions, header: SyslogHeader): LogDestination["line"] {
  // The rest of the header is written by the program that gets it.
  if (remote === undefined)
    return (_time, level, _event, message) => `<${priority(header.facility, level)}>${message}\n`;
  if (format === "rfc3164")
    return (time, level, _event, message) => `${rfc3164(header, time, level, message)}\n`;
  return (time, level, event, message) => `${rfc5424(header, time, level, event, message)}\n`;
}

function transportOf(
  { remote, format, appName }: SyslogOptions,
  { processId }: SyslogHeader,
  env: Readonly<Record<string, string | undefined>>,
): SyslogTransport {
  if (remote === undefined) {
    return new LoggerTransport({ program: "logger", format, appName, processId, env });
  }
  return remote.protocol === "udp" ? new UdpTransport(remote.host, remote.port) : new StreamTransport(remote);
}
