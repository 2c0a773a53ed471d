// Brings in the Debian packages that parts of the test suite use, where that is possible.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What the tests use, by suite: packages, and the commands that tell that they are there. */
const TESTS = {
  packages: [
    "mosquitto",
    "mosquitto-clients",
    "openssl",
    // In front of brokers: proxies, and a browser.
    "haproxy",
    "nginx-light",
    "chromium-headless-shell",
  ],
  commands: [
    "mosquitto",
    "mosquitto_pub",
    "mosquitto_sub",
    "openssl",
    "haproxy",
    "nginx",
    "chromium-headless-shell",
  ],
};
const SYSTEM_TESTS = {
  packages: [
    ...TESTS.packages,
    "mmdebstrap",
    "qemu-user-static",
    "podman",
    "crun",
    "busybox-static",
    // To render the Helm chart.
    "golang-go",
    "golang-github-masterminds-sprig-dev",
    "golang-gopkg-yaml.v3-dev",
    "systemd-container",
    "rpm",
    "lintian",
    "rpmlint",
  ],
  commands: [
    ...TESTS.commands,
    "mmdebstrap",
    "qemu-aarch64-static",
    "podman",
    "crun",
    "busybox",
    "go",
    "systemd-nspawn",
    "rpmbuild",
    "lintian",
    "rpmlint",
  ],
};

/** The broker to compare with, and what the load generator is built with. */
const BENCHMARK = {
  packages: ["mosquitto", "gcc", "libc6-dev", "libssl-dev"],
  commands: ["mosquitto", "gcc"],
  headers: ["openssl/ssl.h"],
};

const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Makes sure of the commands that the tests use, and returns a sentence for the end of the test report when
 * some cannot be had (the tests that need them skip themselves then). Installs only as root on a machine
 * with apt, and starts no service.
 *
 * @param {boolean} system whether the tests of test/system run too
 */
export function ensureTestPackages(system) {
  return ensure(system ? SYSTEM_TESTS : TESTS, (missing) => `tests that need ${missing} are skipped`);
}

/** The same for the benchmark. */
export function ensureBenchmarkPackages() {
  return ensure(BENCHMARK, (missing) => `rows of the benchmark that need ${missing} fail`);
}

/**
 * @param {{ packages: string[], commands: string[], headers?: string[] }} needed
 * @param {(missing: string) => string} consequence
 */
function ensure({ packages, commands, headers = [] }, consequence) {
  const missing = [
    ...commands.filter((command) => !isOnPath(command)),
    ...headers.filter((header) => !existsSync(join("/usr/include", header))),
  ];
  if (missing.length === 0) return undefined;
  const without = consequence(missing.join(", "));
  const list = packages.join(", ");
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    return `${without}: installing the apt packages ${list} needs root and apt`;
  }
  console.error(`Installing the apt packages ${list} (no service is started) …`);
  // apt starts services of what it installs unless this file forbids it.
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (!install(packages) && !(apt("update", "-qq") && install(packages)) && !installEach(packages)) {
      return `${without}: apt-get could not install ${list}`;
    }
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
  // Nor shall the service come up at the next boot.
  if (existsSync("/run/systemd/system")) {
    spawnSync("systemctl", ["disable", "--now", "mosquitto", "haproxy", "nginx"], { stdio: "ignore" });
  }
  return undefined;
}

function install(packages) {
  return apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
}

/** What one distribution lacks shall not keep the others away. */
function installEach(packages) {
  return packages.map((name) => install([name])).every((installed) => installed);
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
