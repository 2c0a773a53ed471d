// Brings in the Debian packages that parts of the test suite use, where that is possible.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const PACKAGES = ["mosquitto", "mosquitto-clients", "openssl"];
const COMMANDS = ["mosquitto", "mosquitto_pub", "mosquitto_sub", "openssl"];
const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Makes sure of the commands mosquitto, mosquitto_pub, mosquitto_sub and openssl, and returns a sentence for
 * the end of the test report when they cannot be had (the tests that need them skip themselves then).
 * Installs only as root on a machine with apt, and starts no service.
 */
export function ensureMosquitto() {
  const missing = COMMANDS.filter((command) => !isOnPath(command));
  if (missing.length === 0) return undefined;
  const without = `tests that need ${missing.join(", ")} are skipped`;
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    return `${without}: installing the apt packages ${PACKAGES.join(", ")} needs root and apt`;
  }
  console.error(`Installing the apt packages ${PACKAGES.join(", ")} (no service is started) …`);
  // apt starts services of what it installs unless this file forbids it.
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (!install() && !(apt("update", "-qq") && install())) {
      return `${without}: apt-get could not install ${PACKAGES.join(", ")}`;
    }
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
  // Nor shall the service come up at the next boot.
  if (existsSync("/run/systemd/system")) {
    spawnSync("systemctl", ["disable", "--now", "mosquitto"], { stdio: "ignore" });
  }
  return undefined;
}

function install() {
  return apt("install", "-y", "-qq", "--no-install-recommends", ...PACKAGES);
}

function apt(...args) {
  const { status } = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", 2, 2],
  });
  return status === 0;
}

function isOnPath(command) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/bin", "/usr/local/sbin"];
  return folders.some((folder) => existsSync(join(folder, command)));
}
