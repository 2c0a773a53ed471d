/**
 * A minimal Debian system as a tar archive, for the tests that install packages. It is made once, in _build/roots, and
 * again when what goes into it has changed.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run, temporaryDirectory } from "../../support/processes.ts";
import { missing } from "./requirements.ts";

const checkout = dirname(dirname(dirname(import.meta.dirname)));
const folder = join(checkout, "_build/roots");

const SUITE = "bookworm";
/** systemd for the service, the libraries and tools that our package depends on, and clients to try it with. */
const PACKAGES = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "adduser",
  "init-system-helpers",
  "libstdc++6",
  "man-db",
  "procps",
  "mosquitto-clients",
  "bash-completion",
];
const MINUTES = 10;

/** The machine's own list of where Debian's packages come from. */
const SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/** The archive, or why there is none. */
export type DebianRoot = { readonly archive: string } | { readonly reason: string };

/** The root that the tests of packages use; also finds out whether a system in it can be run here. */
export async function debianRoot(commands: readonly string[]): Promise<DebianRoot> {
  const needed = ["mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb", ...commands];
  const reason = missing({ root: true, debian: true, commands: needed });
  if (reason !== false) return { reason };
  const sources = SOURCES.find((file) => existsSync(file));
  if (sources === undefined) return { reason: "apt has no list of sources" };
  const inputs = createHash("sha256").update(
    JSON.stringify([SUITE, PACKAGES, readFileSync(sources, "utf8")]),
  );
  const archive = join(folder, `${inputs.digest("hex").slice(0, 16)}.tar`);
  if (!existsSync(archive)) {
    const problem = await makeRoot(archive, sources);
    if (problem !== undefined) return { reason: problem };
  }
  return (await canRun(archive)) ?? { archive };
}

async function makeRoot(archive: string, sources: string): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) rmSync(join(folder, old), { recursive: true });
  const part = `${archive}.part.tar`;
  const argv = ["--variant=apt", `--include=${PACKAGES.join(",")}`, SUITE, part, sources];
  const { code, stderr } = await run("mmdebstrap", argv, { deadlineMs: MINUTES * 60_000 });
  if (code !== 0) return `mmdebstrap could not make a Debian system: ${stderr.trim().split("\n").at(-1)}`;
  renameSync(part, archive);
  return undefined;
}

async function canRun(archive: string): Promise<{ reason: string } | undefined> {
  const directory = await unpackRoot({ archive });
  const argv = ["-q", "-D", directory, "--register=no", "--keep-unit", "--private-network", "/bin/true"];
  const { code, stderr } = await run("systemd-nspawn", argv);
  rmSync(directory, { recursive: true, force: true });
  return code === 0 ? undefined : { reason: `systemd-nspawn cannot run a system here: ${stderr.trim()}` };
}

/** Unpacks the root into a new directory. */
export async function unpackRoot({ archive }: { readonly archive: string }): Promise<string> {
  const directory = temporaryDirectory("vernemq-root-");
  const { code, stderr } = await run("tar", ["-xf", archive, "-C", directory], { deadlineMs: 120_000 });
  if (code !== 0) throw new Error(stderr);
  writeFileSync(join(directory, "etc/hosts"), "127.0.0.1 localhost\n");
  return directory;
}
