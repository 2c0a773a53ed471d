/**
 * Very many clients in a process of their own, so that all of them can be lost at once: `node crowd.ts PORT COUNT`. Each is
 * `crowd0`, `crowd1` … with the will `crowd/N` and a place in the shared group `crowd`. Writes "ready" when all are connected.
 */

import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ended, startProcess } from "./processes.ts";
import { RawClient } from "./raw-client.ts";

/** So many connect at the same time. */
const AT_ONCE = 100;

/** A crowd that is connected. */
export class Crowd {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async connect(port: number, count: number): Promise<Crowd> {
    const ready = Promise.withResolvers<void>();
    const argv = [fileURLToPath(import.meta.url), `${port}`, `${count}`];
    let output = "";
    const child = startProcess(process.execPath, argv, {}, (text) => {
      output += text;
      if (output.includes("ready")) ready.resolve();
    });
    child.once("exit", () => ready.reject(new Error(`the crowd has ended: ${output}`)));
    await ready.promise;
    return new Crowd(child);
  }

  /** The process is killed; the system closes its connections. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }
}

async function gather(port: number, count: number): Promise<void> {
  let next = 0;
  const connectSome = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const clientId = `crowd${number}`;
      const will = { topic: `crowd/${number}`, payload: "gone" };
      const client = await RawClient.connect(port, {
        clientId,
        will,
        clean: number % 2 === 0,
        deadlineMs: 20_000,
      });
      await client.subscribe("$share/crowd/jobs", 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, connectSome));
  console.log("ready");
}

if (import.meta.main) await gather(Number(process.argv[2]), Number(process.argv[3]));
