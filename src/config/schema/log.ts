import { compatibility, type Option, option, optional } from "../option.ts";
import { byteSize, integer, numberOr } from "../type/number.ts";
import { file } from "../type/path.ts";
import { applicationName, enumeration, flag, string } from "../type/text.ts";
import { rotationMoment } from "../type/time.ts";

const SASL = compatibility("it belongs to the Erlang runtime, which this broker does not use");

const sizeOrInfinity = numberOr(byteSize({ min: 1 }), { infinity: Infinity });
const format = enumeration("text", "json");
const floor = enumeration("all", "debug", "info", "warning", "error");

/** The option for the size above which a log file is rotated. */
function rotationSize(log: string, size: string): Option<number> {
  return option(sizeOrInfinity, size, {
    doc: `The size above which ${log} is renamed and begun anew.`,
    visibility: "live",
    ...(size === "infinity" && { shipped: { value: "50MB", why: "So that logs never fill the disk." } }),
  });
}

function rotationKeep(log: string): Option<number> {
  return option(integer({ min: 0 }), "5", {
    doc: `How many older files of ${log} are kept.`,
    visibility: "live",
  });
}

function rotationCompress(log: string): Option<boolean> {
  return option(flag, "off", {
    doc: `Compresses older files of ${log}.`,
    visibility: "live",
  });
}

/** Log files and standard output. */
export const log = {
  "log.console": option(enumeration("off", "file", "console", "both"), "file", {
    doc: "Where the log goes: nowhere, to log.console.file, to standard output (console), or to both.",
    visibility: "live",
  }),
  "log.console.level": option(
    enumeration("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"),
    "info",
    { doc: "The least important messages that the log shows.", visibility: "live" },
  ),
  "log.console.file": option(file, "./log/console.log", { doc: "The file of the log.", visibility: "live" }),
  "log.console.console.format": option(format, "text", {
    doc: "Whether lines on standard output are plain text or JSON objects.",
    visibility: "live",
  }),
  "log.console.file.format": option(format, "text", {
    doc: "Whether lines in log.console.file are plain text or JSON objects.",
    visibility: "live",
  }),
  "log.console.rotation.size": rotationSize("the log", "infinity"),
  "log.console.rotation.keep": rotationKeep("the log"),
  "log.console.rotation.compress_on_rotate": rotationCompress("the log"),
  "log.error": option(flag, "on", {
    doc: "Writes messages of level error and above to a file of their own as well.",
    visibility: "live",
  }),
  "log.error.file": option(file, "./log/error.log", {
    doc: "The file of the error log.",
    visibility: "live",
  }),
  "log.error.file.format": option(format, "text", {
    doc: "Whether lines in log.error.file are plain text or JSON objects.",
    visibility: "live",
  }),
  "log.error.rotation.size": rotationSize("the error log", "infinity"),
  "log.error.rotation.keep": rotationKeep("the error log"),
  "log.error.rotation.compress_on_rotate": rotationCompress("the error log"),
  "log.crash": option(flag, "on", {
    doc: "Writes a report of every internal failure to a file of its own. It never has payloads or passwords.",
    visibility: "live",
  }),
  "log.crash.file": option(file, "./log/crash.log", {
    doc: "The file of the crash log.",
    visibility: "live",
  }),
  "log.crash.maximum_message_size": option(byteSize({ min: 1 }), "64KB", {
    doc: "The longest report in the crash log; what is longer is cut.",
  }),
  "log.crash.size": option(byteSize({ min: 0 }), "10MB", {
    doc: "The older name of log.crash.rotation.size, which goes before it.",
  }),
  "log.crash.rotation": option(rotationMoment, "$D0", {
    doc: "When the crash log is rotated besides by its size: $D0 every day at midnight, $D23 every day at 23 o'clock, $W0D23 on Sundays at 23 o'clock, $M1D0 on the first day of each month. The empty text rotates by size only.",
  }),
  "log.crash.rotation.size": rotationSize("the crash log", "10MB"),
  "log.crash.rotation.keep": rotationKeep("the crash log"),
  "log.crash.rotation.compress_on_rotate": rotationCompress("the crash log"),
  "log.level": option(floor, "all", {
    doc: "The least important messages that reach any of the logs.",
  }),
  "log.template": option(enumeration("simple", "extended"), "extended", {
    doc: "The layout of a line of text: extended has the level in brackets, simple before a colon.",
  }),
  "log.sasl": option(flag, "off", { doc: "Writes reports of the runtime's supervisors.", status: SASL }),
  "log.sasl.file": option(file, "./log/sasl.log", { doc: "The file of these reports.", status: SASL }),
  "log.sasl.rotation.size": option(sizeOrInfinity, "infinity", {
    doc: "When that file is rotated.",
    status: SASL,
  }),
  "log.sasl.rotation.keep": option(integer({ min: 0 }), "5", {
    doc: "How many such files are kept.",
    status: SASL,
  }),
  "log.sasl.rotation.compress_on_rotate": option(flag, "off", {
    doc: "Compresses such files.",
    status: SASL,
  }),
  "log.syslog": option(flag, "off", {
    doc: "Sends the log to syslog as well: to the service of this machine (/dev/log, through the program logger of util-linux), or to log.syslog.remote.host.",
    visibility: "live",
  }),
  "log.syslog.level": option(floor, "all", {
    doc: "The least important messages that go to syslog.",
  }),
  "log.syslog.format": option(enumeration("rfc3164", "rfc5424"), "rfc3164", {
    doc: "The form of syslog messages. The services of a machine expect rfc3164 on /dev/log.",
    visibility: "live",
  }),
  "log.syslog.facility": option(
    enumeration(
      ...["kern", "kernel", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"],
      ...["authpriv", "ftp", "ntp", "logaudit", "logalert", "clock"],
      ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
    ),
    "daemon",
    { doc: "The facility of syslog messages.", visibility: "live" },
  ),
  "log.syslog.app_name": optional(applicationName, {
    doc: "The name of the application in syslog messages; vernemq when it is not set.",
  }),
  "log.syslog.remote.host": optional(string, {
    doc: "Another machine to which syslog messages are sent, instead of the local service.",
  }),
  "log.syslog.remote.port": option(integer({ min: 1, max: 65535 }), "514", {
    doc: "The port of that machine.",
    visibility: "live",
  }),
  "log.syslog.remote.protocol": option(enumeration("udp", "tcp", "tls"), "udp", {
    doc: "How that machine is reached: udp, tcp with the length before each message (RFC 6587), or tls (RFC 5425). tls needs log.syslog.format = rfc5424 and log.syslog.remote.tls.cafile.",
    visibility: "live",
  }),
  "log.syslog.remote.tls.cafile": optional(file, {
    doc: "The certificates of the authorities that may vouch for that machine, as a PEM file.",
  }),
};
