import { basename } from "node:path";
import { isSea } from "node:sea";
import { rememberStop } from "./cli/early-stop.ts";

/*
 * One executable with several names: what it does is told by the name it was called by (a link to it), else by its
 * first argument. Each command is loaded only when it runs, so that `vernemq ping` and `vmq-admin` start fast.
 */

rememberStop();

const PROGRAMS = ["vernemq", "vmq-admin", "vmq-passwd", "start_vernemq"] as const;

type Program = (typeof PROGRAMS)[number];

function programOf(name: string | undefined): Program | undefined {
  return PROGRAMS.find((program) => program === name);
}

function chosen(): { readonly program: Program; readonly argv: string[] } | undefined {
  // In the executable the second word is its path as well, whatever name it was called by.
  const [, script = "", ...argv] = process.argv;
  const called = [process.argv0, script]
    .map((path) => programOf(basename(path).replace(/\.(?:exe|[cm]?js|ts)$/i, "")))
    .find((program) => program !== undefined);
  // The links are not everywhere: `vernemq vmq-admin session show` does the same as `vmq-admin session show`.
  const program = called === undefined || called === "vernemq" ? programOf(argv[0]) : undefined;
  if (program !== undefined) return { program, argv: argv.slice(1) };
  if (called !== undefined) return { program: called, argv };
  // An executable under a name of somebody's own is the first of its programs.
  return isSea() ? { program: "vernemq", argv } : undefined;
}

async function run(program: Program, argv: string[]): Promise<number> {
  switch (program) {
    case "vernemq": {
      const { vernemq } = await import("./cli/vernemq.ts");
      return vernemq(argv, import.meta.filename);
    }
    // What container images start.
    case "start_vernemq":
      return run("vernemq", ["docker-entrypoint", ...argv]);
    case "vmq-admin": {
      const { vmqAdmin } = await import("./cli/vmq-admin.ts");
      return vmqAdmin(argv, import.meta.filename);
    }
    case "vmq-passwd": {
      const { vmqPasswd } = await import("./cli/vmq-passwd.ts");
      return vmqPasswd(argv);
    }
  }
}

async function main(): Promise<void> {
  const choice = chosen();
  if (choice === undefined) {
    process.stderr.write(`Usage: ${PROGRAMS.join(" | ")}, each with --help\n`);
    process.exitCode = 1;
    return;
  }
  process.exitCode = await run(choice.program, choice.argv);
}

// A reader that has gone (`vmq-admin session show | head`) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
