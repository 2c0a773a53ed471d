import type { Command, Flag, Invocation } from "../command.ts";
import { alert, type Element, text } from "../element.ts";
import type { SessionDirectory } from "../ports.ts";

const MOUNTPOINT: Flag = {
  name: "mountpoint",
  short: "m",
  value: "mountpoint",
  help: "the mountpoint of the client, the default one without this flag",
};

/** The mountpoint asked for, or undefined when the flag stands there without a value. */
function mountpointOf({ flags }: Invocation): string | undefined {
  return flags.has("mountpoint") ? flags.get("mountpoint") : "";
}

const INVALID_MOUNTPOINT = alert("Invalid mountpoint value");

/** `session disconnect client-id=X`. */
export function sessionDisconnect(directory: SessionDirectory): Command {
  return {
    path: ["session", "disconnect"],
    summary: "Disconnects a client.",
    keys: [{ name: "client-id", value: "client id" }],
    flags: [
      MOUNTPOINT,
      {
        name: "cleanup",
        short: "c",
        help: "also removes the session: its subscriptions and stored messages, online or not",
      },
    ],
    run: async (invocation): Promise<Element[]> => {
      const clientId = invocation.keys.get("client-id");
      const mountpoint = mountpointOf(invocation);
      if (clientId === undefined)
        return [alert("You have to provide a client (example client-id=my-client)")];
      if (mountpoint === undefined) return [INVALID_MOUNTPOINT];
      await directory.disconnect(mountpoint, clientId, invocation.flags.has("cleanup"));
      return [text("Done")];
    },
  };
}

/** `session reauthorize username=U client-id=X`. */
export function sessionReauthorize(directory: SessionDirectory): Command {
  return {
    path: ["session", "reauthorize"],
    summary: "Asks again whether a client may have its subscriptions and removes those it may not.",
    keys: [
      { name: "username", value: "username" },
      { name: "client-id", value: "client id" },
    ],
    flags: [MOUNTPOINT],
    run: async (invocation): Promise<Element[]> => {
      const clientId = invocation.keys.get("client-id");
      const username = invocation.keys.get("username");
      const mountpoint = mountpointOf(invocation);
      if (clientId === undefined || username === undefined) {
        return [alert("You have to provide both, username=<username> and client-id=<client id>")];
      }
      if (mountpoint === undefined) return [INVALID_MOUNTPOINT];
      const changed = await directory.reauthorize(mountpoint, clientId, username);
      return [text(changed ? "Done" : "Unchanged")];
    },
  };
}
