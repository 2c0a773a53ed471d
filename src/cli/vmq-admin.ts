import { once } from "node:events";
import { NotRunningError } from "../admin/control-client.ts";
import { ControlForbiddenError } from "../admin/control-forbidden-error.ts";
import { AccountError } from "./account.ts";
import { ownInstallation } from "./environment-file.ts";
import { type PlaceOptions, type Places, places } from "./places.ts";
import { runRemote } from "./remote.ts";
import { ownPlaces } from "./rights.ts";

const PLACE_FLAGS: ReadonlyMap<string, keyof PlaceOptions> = new Map([
  ["--conf", "conf"],
  ["--data-dir", "dataDir"],
  ["--log-dir", "logDir"],
  ["--run-dir", "runDir"],
]);

/** Takes the options that say which node is meant out of the command; they may stand anywhere in it. */
function takePlaces(
  argv: readonly string[],
  mainFile: string,
): { readonly where: Places; readonly command: string[] } {
  const values = new Map<keyof PlaceOptions, string | undefined>();
  const command: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    const equals = word.indexOf("=");
    const option = PLACE_FLAGS.get(equals === -1 ? word : word.slice(0, equals));
    if (option === undefined) command.push(word);
    else values.set(option, equals === -1 ? argv[++at] : word.slice(equals + 1));
  }
  const options: PlaceOptions = {
    conf: values.get("conf"),
    dataDir: values.get("dataDir"),
    logDir: values.get("logDir"),
    runDir: values.get("runDir"),
  };
  const installed = ownInstallation(mainFile, process.env);
  return { where: ownPlaces("running node", places(options, process.env, installed), installed), command };
}

async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}

/** `vmq-admin`: sends a command to the running node. Resolves to the exit status. */
export async function vmqAdmin(argv: readonly string[], mainFile: string): Promise<number> {
  let taken: ReturnType<typeof takePlaces>;
  try {
    taken = takePlaces(argv, mainFile);
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    await write(process.stderr, `${error.message}\n`);
    return 1;
  }
  const { where, command } = taken;
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  try {
    return await runRemote(where.directories.run, command, {
      terminal: process.stdout.isTTY,
      signal: interrupted.signal,
      output: {
        stdout: (text) => write(process.stdout, text),
        stderr: (text) => write(process.stderr, text),
      },
    });
  } catch (error) {
    if (error instanceof NotRunningError) {
      const { complainNotResponding } = await import("./presence.ts");
      await complainNotResponding(where);
    } else if (error instanceof ControlForbiddenError) {
      await write(process.stderr, `${error.message}\n`);
    } else {
      const { nodeName } = await import("./node-name.ts");
      const reason = error instanceof Error ? error.message : String(error);
      await write(process.stderr, `RPC to '${await nodeName(where)}' failed: ${reason}\n`);
    }
    return 1;
  }
}
