/** Puts a program and its assets into a copy of a runtime, with the single-executable mode of @yao-pkg/pkg. */

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Platform } from "./platform.ts";

export interface ExecutableOptions {
  readonly platform: Platform;
  /** The runtime that becomes the executable. */
  readonly base: string;
  /** A runtime of exactly the same version that runs here: what the executable reads is made by it. */
  readonly generator: string;
  /** What it starts with, one CommonJS file. */
  readonly main: string;
  /** Files inside the executable, by name. */
  readonly assets: Readonly<Record<string, string>>;
  readonly output: string;
  /** For what pkg looks for in the user's home, and for temporary files; emptied. */
  readonly scratch: string;
}

/** What `sea-worker.mjs` is given. */
export interface SeaJob {
  readonly entry: string;
  readonly target: { readonly nodeRange: string; readonly platform: string; readonly arch: string };
  readonly output: string;
  readonly seaConfig: Readonly<Record<string, unknown>>;
}

/** How pkg names platforms, and how the archives that it expects in its cache do. */
const PKG_PLATFORM = { linux: "linux", darwin: "macos", win32: "win" } as const;
const ARCHIVE_PLATFORM = { linux: "linux", darwin: "darwin", win32: "win" } as const;

/**
 * The arguments the runtime starts with. New objects: more of that space costs memory and saves no time. The heap may
 * have half of the memory of the machine, or of the control group when that has a limit (a container, MemoryMax= of
 * systemd): left to itself the runtime stops at 4 GB on large machines, and takes more than there is on small ones.
 */
const RUNTIME_ARGUMENTS = [
  "--max-semi-space-size=16",
  // Left to itself it begins with 1 MB, and a start copies what it has made so far three times.
  "--min-semi-space-size=8",
  "--max-old-space-size-percentage=50",
  // Whoever may send the process SIGUSR1 would open a port through which everything in it can be read.
  "--disable-sigusr1",
];

/**
 * Makes the executable.
 *
 * @throws {Error} with pkg's messages when it could not
 */
export function makeExecutable(options: ExecutableOptions): void {
  const { platform, generator, main, assets, output, scratch } = options;
  rmSync(scratch, { recursive: true, force: true });
  const temporary = join(scratch, "tmp");
  mkdirSync(temporary, { recursive: true });
  seedCache(options);
  const job: SeaJob = {
    entry: main,
    target: {
      nodeRange: `node${platform.version}`,
      platform: PKG_PLATFORM[platform.platform],
      arch: platform.arch,
    },
    output,
    seaConfig: {
      // The executable holds this path: seen from pkg's own folder below `temporary`, it is the same on every machine.
      main: relative(join(temporary, "pkg"), main),
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // Saves nothing that can be measured, is of no use on another platform, and differs from build to build.
      useCodeCache: false,
      execArgv: RUNTIME_ARGUMENTS,
      // NODE_OPTIONS of some other program's environment is none of ours; `--node-options=` is for `vernemq start`.
      execArgvExtension: "cli",
      assets,
    },
  };
  mkdirSync(dirname(output), { recursive: true });
  rmSync(output, { force: true });
  // pkg keeps its cache below the home directory and works in the folder for temporary files.
  const environment = { ...process.env, HOME: scratch, USERPROFILE: scratch };
  const worker = join(import.meta.dirname, "sea-worker.mjs");
  const { status, stdout, stderr, error } = spawnSync(generator, [worker, JSON.stringify(job)], {
    env: { ...environment, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    encoding: "utf8",
  });
  if (error) throw error;
  if (status !== 0 || !existsSync(output)) throw new Error(`pkg failed:\n${stdout}${stderr}`);
  rmSync(scratch, { recursive: true, force: true });
}

/** Lays the base where pkg looks for what it has downloaded; the empty `.ok` files say it is complete. */
function seedCache({ platform, base, scratch }: ExecutableOptions): void {
  const cache = join(scratch, ".pkg-cache", "sea");
  const name = `node-v${platform.version}-${ARCHIVE_PLATFORM[platform.platform]}-${platform.arch}`;
  const windows = platform.platform === "win32";
  const archive = `${name}.${windows ? "zip" : "tar.gz"}`;
  const binary = join(cache, windows ? `${name}.exe` : join(name, "bin/node"));
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(base, binary);
  for (const file of [`${binary}.ok`, join(cache, archive), join(cache, `${archive}.ok`)])
    writeFileSync(file, "");
}
