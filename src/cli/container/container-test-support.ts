import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { installation } from "../installation.ts";
import { type Places, places } from "../places.ts";
import type { Network } from "./address.ts";

/** A network with the address 172.17.0.2. */
export const testNetwork: Network = {
  routes: "\neth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
  interfaces: {
    eth0: [{ family: "IPv4", address: "172.17.0.2", netmask: "", mac: "", internal: false, cidr: null }],
  },
  hostName: "c0ffee",
};

/** The places of a new installation with these files in etc. */
export function containerWith(context: TestContext, files: Readonly<Record<string, string>>): Places {
  const root = mkdtempSync(join(tmpdir(), "vernemq-container-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, "etc", name)), { recursive: true });
    writeFileSync(join(root, "etc", name), content);
  }
  return places({}, {}, installation(root));
}
