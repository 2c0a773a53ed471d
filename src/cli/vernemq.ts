import { Command, CommanderError, Option } from "commander";
import { ControlForbiddenError } from "../admin/control-forbidden-error.ts";
import type { CommandOutput } from "../config/commands.ts";
import type { LoadRequest } from "../config/load.ts";
import { VERSION } from "../config/version.ts";
import { AccountError } from "./account.ts";
import { configurationRequest, markAsContainer } from "./configuration-request.ts";
import { ownInstallation } from "./environment-file.ts";
import { openFilesLimit, openFilesWarning } from "./open-files.ts";
import { type PlaceOptions, type Places, places } from "./places.ts";
import { inService, otherOwner, ownPlaces, type Scope } from "./rights.ts";

/**
 * Threads for the store's writes and for log files, so that neither waits for the other. Counts only when it is set
 * before the pool is first used.
 */
const THREAD_POOL_SIZE = "8";

interface Status {
  value: number;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function print({ exitCode, stdout, stderr }: CommandOutput): number {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exitCode;
}

/** What is still open this long after a node has stopped does not keep its process alive. */
const LINGER_MS = 1000;

/** Runs the node of a container image: prepares what its environment asks for first. */
async function inContainer(where: Places, extra: readonly string[]): Promise<number> {
  markAsContainer(process.env);
  process.stderr.write(openFilesWarning(openFilesLimit()));
  const { prepareContainer } = await import("./container/entrypoint.ts");
  const { ok, lines } = prepareContainer(where, process.env, extra);
  for (const line of lines) process.stderr.write(`${line}\n`);
  return ok ? inForeground(where, false) : 1;
}

/** Runs a node in this process until it ends. */
async function inForeground(where: Places, prompt: boolean): Promise<number> {
  const status = await runNode(where, prompt);
  setTimeout(() => process.exit(), LINGER_MS).unref();
  return status;
}

async function runNode(where: Places, prompt: boolean): Promise<number> {
  process.env.UV_THREADPOOL_SIZE ??= THREAD_POOL_SIZE;
  // Data, logs and sockets are nobody else's business.
  process.umask(0o027);
  const { loadAddon } = await import("./addon.ts");
  if (!loadAddon(where)) return 1;
  // Its first words are said while everything else is still loading.
  const { connectServiceManager } = await import("./service-manager.ts");
  const serviceManager = connectServiceManager(process.env);
  const [{ startNode }, { processSignals }, { confFile, overlay }] = await Promise.all([
    import("../node/node.ts"),
    import("./signals.ts"),
    configurationRequest(where, process.env),
  ]);
  const options = {
    places: { ...where, confFile },
    overlay,
    startNode,
    signals: processSignals,
    serviceManager,
    env: process.env,
    stdout: (text: string) => {
      process.stdout.write(text);
    },
    stderr: (text: string) => {
      process.stderr.write(text);
    },
  };
  if (prompt) {
    const { runConsole } = await import("./console.ts");
    return runConsole(options);
  }
  const { runForeground } = await import("./foreground.ts");
  return runForeground(options);
}

function program(mainFile: string, status: Status): Command {
  const vernemq = new Command("vernemq");
  const installed = once(() => ownInstallation(mainFile, process.env));
  const given = (): Places => places(vernemq.opts<PlaceOptions>(), process.env, installed());
  const where = (scope: Scope): Places => ownPlaces(scope, given(), installed());
  const request = (): Promise<LoadRequest> => configurationRequest(where("configuration"), process.env);
  const running = async (result: number | Promise<number>): Promise<void> => {
    status.value = await result;
  };
  vernemq
    .description(`VerneMQ ${VERSION}: an MQTT broker`)
    .option("--conf <file>", "the configuration (VERNEMQ_CONF)")
    .option("--data-dir <directory>", "where the broker keeps its data (VERNEMQ_DATA_DIR)")
    .option("--log-dir <directory>", "where it writes its logs (VERNEMQ_LOG_DIR)")
    .option("--run-dir <directory>", "where its control socket and pid file are (VERNEMQ_RUN_DIR)")
    .showHelpAfterError("(vernemq help shows all commands)")
    .exitOverride();

  const command = (name: string, description: string): Command =>
    vernemq.command(name).description(description);

  command("foreground", "run the broker; it ends with SIGTERM or Ctrl-C").action(() =>
    running(inForeground(where("node"), false)),
  );
  command("console [arguments...]", "run the broker with a prompt for admin commands")
    .allowUnknownOption()
    .action((extra: string[]) => {
      process.stderr.write(openFilesWarning(openFilesLimit()));
      return running(inForeground(where("node"), !extra.includes("-noinput")));
    });
  command("docker-entrypoint [arguments...]", "run the broker of a container image (start_vernemq)")
    .allowUnknownOption()
    .action((extra: string[]) => running(inContainer(where("node"), extra)));
  command("start", "start the broker in the background").action(async () => {
    const service = await inService(given(), installed());
    if (service !== undefined) return running(service.start(given()));
    const { start } = await import("./daemon.ts");
    return running(start(where("node"), mainFile));
  });
  command("stop", "stop the broker").action(async () => {
    const stopped = await (await inService(given(), installed()))?.stop(given());
    if (stopped !== undefined) return running(stopped);
    const { stop } = await import("./daemon.ts");
    return running(stop(where("running node")));
  });
  command("restart", "stop the broker if it runs and start it").action(async () => {
    const restarted = await (await inService(given(), installed()))?.restart(given());
    if (restarted !== undefined) return running(restarted);
    const { restart } = await import("./daemon.ts");
    return running(restart(where("node"), mainFile));
  });
  command("reload", "make the running broker read its configuration and password files again").action(
    async () => {
      const { reload } = await import("./reload.ts");
      return running(reload(where("running node")));
    },
  );
  const attachTo = async (): Promise<void> => {
    const { attach } = await import("./attach.ts");
    return running(attach(where("running node")));
  };
  command("attach", "open the prompt of the running broker").action(attachTo);
  vernemq.command("attach-direct", { hidden: true }).option("-f").action(attachTo);
  for (const name of ["ertspath", "escript"]) {
    vernemq
      .command(`${name} [words...]`, { hidden: true })
      .allowUnknownOption()
      .action(() => {
        process.stderr.write(`${name} belongs to the Erlang runtime, which this broker does not use\n`);
        status.value = 1;
      });
  }
  command("ping", "ask the broker whether it is there").action(async () => {
    const { ping } = await import("./presence.ts");
    return running(ping(where("running node")));
  });
  command("getpid", "print the process id of the running broker").action(async () => {
    const { getpid } = await import("./presence.ts");
    return running(getpid(where("running node")));
  });
  command("version", "print the version, or with --licences the licences of all that is inside")
    .option("--licences", "print the licences of VerneMQ and of everything in it")
    .addOption(new Option("--licenses").hideHelp())
    .action(async (options: { readonly licences?: true; readonly licenses?: true }) => {
      if (!(options.licences || options.licenses)) {
        process.stdout.write(`${VERSION}\n`);
        return;
      }
      const { printLicences } = await import("./licences.ts");
      status.value = printLicences();
    });
  command("chkconfig", "check the configuration").action(async () => {
    const { checkConfiguration } = await import("./check-configuration.ts");
    const owner = otherOwner(where("configuration"), installed());
    return running(print(await checkConfiguration(await request(), owner)));
  });
  addConfig(command("config", "show the configuration and what it means"), request, running);
  return vernemq;
}

function addConfig(
  config: Command,
  request: () => Promise<LoadRequest>,
  running: (result: number | Promise<number>) => Promise<void>,
): void {
  const level = "-l, --log-level <level>";
  const ignored = "accepted for compatibility: the commands always say all they know";
  config
    .argument("[words...]")
    .option(level, ignored)
    .action(async () => {
      const { configUsage } = await import("../config/commands.ts");
      return running(print(configUsage()));
    });
  config
    .command("generate")
    .description("check the configuration and print the arguments the broker works with")
    .option(level, ignored)
    .action(async () => {
      const { generateCommand } = await import("../config/commands.ts");
      return running(print(generateCommand(await request())));
    });
  config
    .command("effective")
    .description("print all settings, defaults too")
    .option(level, ignored)
    .action(async () => {
      const { effectiveCommand } = await import("../config/commands.ts");
      return running(print(effectiveCommand(await request())));
    });
  config
    .command("describe [variable]")
    .description("explain a setting")
    .option(level, ignored)
    .action(async (variable: string | undefined) => {
      const { describeCommand } = await import("../config/commands.ts");
      return running(print(describeCommand(await request(), variable)));
    });
}

/** The commands of `vernemq` that are shown, without those that are there for users of VerneMQ only. */
export function vernemqCommands(parent: Command = vernemqProgram()): readonly Command[] {
  const shown = parent.createHelp().visibleCommands(parent);
  return parent.commands.filter((command) => shown.includes(command));
}

/** The grammar of `vernemq`, for documentation. */
export function vernemqProgram(): Command {
  return program("", { value: 0 });
}

/** `vernemq`. `mainFile` is what a background process is started from. Resolves to the exit status. */
export async function vernemq(argv: readonly string[], mainFile: string): Promise<number> {
  const status: Status = { value: 0 };
  const vernemq = program(mainFile, status);
  if (argv.length === 0) {
    vernemq.outputHelp();
    return 0;
  }
  try {
    await vernemq.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof AccountError || error instanceof ControlForbiddenError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  return status.value;
}
