import { spawnSync } from "node:child_process";

/** Who answers for the packages. Whoever publishes them sets VERNEMQ_MAINTAINER. */
export const MAINTAINER = process.env.VERNEMQ_MAINTAINER ?? "VerneMQ maintainers <maintainers@localhost>";

export interface PackageOptions {
  /** The checkout. */
  readonly root: string;
  /** The release of the platform. */
  readonly tree: string;
  readonly arch: "x64" | "arm64";
  /** The version of package.json. */
  readonly version: string;
  /** Seconds since 1970: the time of everything in the package. */
  readonly epoch: number;
  /** For the trees that packages are made from. */
  readonly work: string;
  /** Where the packages go. */
  readonly output: string;
  /** `small` for what is published, `fast` for tests. */
  readonly compression: "small" | "fast";
}

/**
 * Runs a tool to its end.
 *
 * @throws {Error} with what it said when it failed
 */
export function run(program: string, argv: readonly string[], epoch: number): void {
  const { status, stdout, stderr, error } = spawnSync(program, argv, {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch), LC_ALL: "C", TZ: "UTC" },
    encoding: "utf8",
  });
  if (error) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ended with status ${status}:\n${stdout}${stderr}`);
}
