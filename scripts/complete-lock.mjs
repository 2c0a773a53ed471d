// node scripts/complete-lock.mjs: adds to package-lock.json the packages of other platforms that npm left
// out of it. npm leaves out optional packages that the registry at hand does not carry, and `npm ci` then
// refuses the lock file everywhere. Run it after a change of dependencies when the gate "lock" asks for it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup/runtime.mjs";

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"];

/** What the lock file would say of a platform package whose name tells its platform; undefined if it does not. */
function platformEntry(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (!os || !cpu) return undefined;
  const libc = words.some((word) => word.startsWith("musl")) ? "musl" : "glibc";
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(os === "linux" ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
  };
}

const path = join(root, "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));
const added = [];
for (const { optionalDependencies, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key]) continue;
    const entry = platformEntry(name, version, dev);
    if (!entry || !/^\d/.test(version))
      throw new Error(`cannot tell the platform or version of ${name} ${version}`);
    lock.packages[key] = entry;
    added.push(name);
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(
  added.length === 0 ? "package-lock.json is complete" : `added ${added.length}: ${added.join(", ")}`,
);
