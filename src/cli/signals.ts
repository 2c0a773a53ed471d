import { rememberedStop } from "./early-stop.ts";

/** How a process is told to stop or to open its logs again. Each function returns how to stop listening. */
export interface SignalSource {
  /** SIGTERM or SIGINT. The second one ends the process at once. */
  onStop(listener: (signal: string) => void): () => void;
  /** SIGHUP. */
  onReopen(listener: () => void): () => void;
  /** An exception that nothing caught; the process ends with status 1 when the listener returns. */
  onCrash(listener: (error: unknown) => void): () => void;
}

/** The signals of this process. */
export const processSignals: SignalSource = {
  onStop(listener) {
    let told = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (told) process.exit(1);
      told = true;
      listener(signal);
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
    // Not before: one that is on its way would be lost with the last listener.
    const early = rememberedStop();
    if (early !== undefined) stop(early);
    return () => process.off("SIGTERM", stop).off("SIGINT", stop);
  },
  onReopen(listener) {
    process.on("SIGHUP", listener);
    return () => process.off("SIGHUP", listener);
  },
  onCrash(listener) {
    const crash = (error: unknown): void => {
      listener(error);
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    };
    process.on("uncaughtException", crash);
    return () => process.off("uncaughtException", crash);
  },
};
