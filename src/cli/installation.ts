import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isSea } from "node:sea";

/** Where an installation keeps its files, as absolute paths. */
export interface Installation {
  readonly confFile: string;
  readonly data: string;
  readonly log: string;
  readonly run: string;
  readonly lib: string;
  readonly share: string;
  /** A file with variables for the commands, as the service has them; undefined: there is none. */
  readonly environment: string | undefined;
  /** The user the broker runs as, when root gives a command; undefined: whoever gives it. */
  readonly user: string | undefined;
  /** The unit of systemd that the installation has brought. */
  readonly service: string | undefined;
}

const PATHS = ["conf", "data", "log", "run", "lib", "share", "environment"];
const KEYS = [...PATHS, "user", "service"];

/** Packages put configuration, data and logs elsewhere, and say so in this file below the root. */
const FILE = join("lib", "installation.json");

/** Where executables lie in an installation. */
const PROGRAM_FOLDERS = ["bin", "sbin"];

/**
 * The root of the installation (or checkout): the directory above the one with the program. An executable that lies
 * anywhere else than in a folder for programs was copied there alone: then it is that directory itself.
 */
export function installationRoot(mainFile: string, executable = isSea()): string {
  const directory = dirname(mainFile);
  return executable && !PROGRAM_FOLDERS.includes(basename(directory)) ? directory : dirname(directory);
}

/**
 * The places of the installation: etc/vernemq.conf, data, log, run, lib and share below the root, but for what
 * lib/installation.json has under `conf`, `data`, `log`, `run`, `lib` and `share` (a relative path begins at the root). There `user` and `service` are
 * told as well, and `environment`, the path of a file with variables.
 *
 * @throws {Error} that names the file when it is none of that
 */
export function installation(root: string): Installation {
  const moved = readMoved(join(root, FILE));
  const place = (key: string, otherwise: string): string => resolve(root, moved.get(key) ?? otherwise);
  const environment = moved.get("environment");
  return {
    environment: environment === undefined ? undefined : resolve(root, environment),
    confFile: place("conf", "etc/vernemq.conf"),
    data: place("data", "data"),
    log: place("log", "log"),
    run: place("run", "run"),
    lib: place("lib", "lib"),
    share: place("share", "share"),
    user: moved.get("user"),
    service: moved.get("service"),
  };
}

function readMoved(file: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return new Map();
    throw error;
  }
  return parseMoved(text, file);
}

function parseMoved(text: string, file: string): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${file} is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${file} does not hold an object`);
  const moved = new Map<string, string>();
  for (const [key, path] of Object.entries(value)) {
    if (!KEYS.includes(key)) throw new Error(`${file} has the key ${key}; known are ${KEYS.join(", ")}`);
    if (typeof path !== "string" || path === "")
      throw new Error(`${file}: ${key} is not a ${PATHS.includes(key) ? "path" : "name"}`);
    moved.set(key, path);
  }
  return moved;
}
