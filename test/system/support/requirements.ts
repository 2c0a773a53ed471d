/** What a test of this folder needs of the machine. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface Requirements {
  /** The test installs, mounts or becomes another user. */
  readonly root?: boolean;
  /** Commands on the path or in the system's folders. */
  readonly commands?: readonly string[];
  /** Where the packages of Debian come from. */
  readonly debian?: boolean;
}

/** The reason to skip a test here, for node:test's `skip`; false when it can run. */
export function missing({ root, commands = [], debian }: Requirements): string | false {
  if (process.platform !== "linux") return "Linux is needed";
  if (root && process.getuid?.() !== 0) return "root is needed";
  if (debian && !existsSync("/etc/debian_version")) return "Debian is needed";
  const absent = commands.filter((command) => commandPath(command) === undefined);
  return absent.length === 0 ? false : `${absent.join(", ")} not installed`;
}

/** The path of a command, undefined if it is not installed. */
export function commandPath(command: string): string | undefined {
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/usr/local/sbin",
  ];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}
