import type { Configuration } from "../config/configuration.ts";
import type { LogDestination } from "../log/destination.ts";
import type { LogFileOptions, LogFormat, LogOptions } from "../log/options.ts";
import type { RotationTime } from "../log/rotation-time.ts";
import type { SyslogOptions } from "../log/syslog/options.ts";

/** What the place of a node says about its log. */
interface LogSurroundings {
  /** Takes the place of standard output. */
  readonly writeLog?: ((text: string) => void) | undefined;
  /** `vernemq start` has started it: nobody sees standard output, and a file that it led to would never be rotated. */
  readonly background?: boolean;
}

/** Where the log goes, from the `log.*` keys, none of which can be changed at run time. */
export function logOptions(
  configuration: Configuration,
  { writeLog, background = false }: LogSurroundings = {},
): LogOptions {
  const target = configuration.get("log.console");
  const level = configuration.get("log.level");
  return {
    level: level === "all" ? "debug" : level,
    template: configuration.get("log.template"),
    maximumCrashReport: configuration.get("log.crash.maximum_message_size"),
    console: {
      target: background && target !== "off" ? "file" : target,
      level: configuration.get("log.console.level"),
      file: fileOf(configuration, "console", configuration.get("log.console.file.format")),
      format: configuration.get("log.console.console.format"),
      ...(writeLog === undefined ? {} : { write: writeLog }),
    },
    error: configuration.get("log.error")
      ? fileOf(configuration, "error", configuration.get("log.error.file.format"))
      : undefined,
    crash: configuration.get("log.crash") ? fileOf(configuration, "crash", "text") : undefined,
  };
}

/** What `log.syslog.*` says; undefined: `log.syslog = off`. */
export function syslogOptions(configuration: Configuration): SyslogOptions | undefined {
  if (!configuration.get("log.syslog")) return undefined;
  const level = configuration.get("log.syslog.level");
  const host = configuration.get("log.syslog.remote.host");
  const remote = {
    port: configuration.get("log.syslog.remote.port"),
    protocol: configuration.get("log.syslog.remote.protocol"),
    caFile: configuration.get("log.syslog.remote.tls.cafile"),
  };
  return {
    level: level === "all" ? "debug" : level,
    format: configuration.get("log.syslog.format"),
    facility: configuration.get("log.syslog.facility"),
    appName: configuration.get("log.syslog.app_name") ?? "vernemq",
    remote: host === undefined || host === "" ? undefined : { host, ...remote },
  };
}

/** Syslog, loaded when it is wanted only. */
export async function syslogOf(
  configuration: Configuration,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LogDestination | undefined> {
  const options = syslogOptions(configuration);
  if (options === undefined) return undefined;
  const { syslogDestination } = await import("../log/syslog/syslog.ts");
  return syslogDestination(options, env);
}

function fileOf(
  configuration: Configuration,
  name: "console" | "error" | "crash",
  format: LogFormat,
): LogFileOptions {
  return {
    path: configuration.get(`log.${name}.file`),
    format,
    rotation: {
      size: configuration.get(`log.${name}.rotation.size`),
      time: name === "crash" ? rotationTime(configuration) : undefined,
      keep: configuration.get(`log.${name}.rotation.keep`),
      compress: configuration.get(`log.${name}.rotation.compress_on_rotate`),
    },
  };
}

function rotationTime(configuration: Configuration): RotationTime | undefined {
  const moment = configuration.get("log.crash.rotation");
  if (moment === undefined || moment.every === "day") return moment;
  const { every, day, hour } = moment;
  return every === "week" ? { every, day, hour } : { every, day, hour };
}
