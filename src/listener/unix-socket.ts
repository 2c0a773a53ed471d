import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";

/**
 * Makes room for a Unix socket: a socket file that a crashed process has left behind is removed. Rejects when something
 * else lies there, or when somebody listens on it.
 */
export async function clearSocketPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is not a socket`);
  if (await isServed(path)) throw new Error(`another process listens on ${path} (EADDRINUSE)`);
  await unlink(path);
}

/** Whoever does not refuse is alive, also if it lets nobody in or has no room. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"));
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
