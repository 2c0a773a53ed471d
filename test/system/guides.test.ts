/** The install guides, followed to the letter in fresh systems. */
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { platformNamed } from "../../scripts/build/platform.ts";
import { archiveName } from "../../scripts/release/archives.ts";
import { makeRelease } from "../../scripts/release/release.ts";
import { VERSION } from "../../src/config/version.ts";
import { run, temporaryDirectory } from "../support/processes.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { follow } from "./support/guide.ts";
import { Machine } from "./support/machine.ts";
import { makePackage } from "./support/packages.ts";

const root = dirname(dirname(import.meta.dirname));
const base = await debianRoot(["rpm", "rpmbuild", "sha256sum"]);
const skip =
  "reason" in base ? base.reason : process.arch === "x64" ? false : "the guides name packages for x64";

const PASSWORD = ["the password", "the password"];
const NEXT = "0.2.0";

async function freshSystem(): Promise<string> {
  if ("reason" in base) throw new Error(base.reason);
  return unpackRoot(base);
}

describe("the install guides", { skip }, () => {
  it("for Debian and Ubuntu", async () => {
    const directory = await freshSystem();
    for (const version of [VERSION, NEXT]) {
      const file = await makePackage("deb", version);
      copyFileSync(file, join(directory, "root", basename(file)));
    }
    await using system = await Machine.start(directory, true);
    await follow(system, "install-debian.md", "/root", [
      { command: `sudo dpkg -i vernemq_${VERSION}-1_amd64.deb`, prints: /lets nobody in yet/ },
      { command: "dpkg -s vernemq | grep Status", prints: /^Status: install ok installed$/m },
      { command: "sudo vmq-passwd -c /etc/vernemq/vmq.passwd alice", typed: PASSWORD },
      { command: "sudo systemctl reload vernemq" },
      { command: "mosquitto_pub -u alice -P 'the password' -t hello -m world" },
      {
        command: "sudo systemctl start vernemq",
        afterwards: async () => {
          const status = await system.sh("systemctl status vernemq --no-pager");
          assert.match(status, /Status: "\d+ clients connected; listening on 127\.0\.0\.1:1883"/);
        },
      },
      { command: "sudo systemctl reload vernemq" },
      { command: "journalctl -u vernemq", prints: /Started vernemq\.service - VerneMQ Server/ },
      { command: `sudo dpkg -i vernemq_${NEXT}-1_amd64.deb` },
      {
        command: "sudo apt-get remove vernemq",
        typed: ["y"],
        afterwards: () => system.sh("test -e /etc/vernemq/vmq.passwd && test -d /var/lib/vernemq/msgstore"),
      },
      {
        command: "sudo apt-get purge vernemq",
        typed: ["y"],
        afterwards: () => system.sh("! test -e /etc/vernemq && ! test -e /var/lib/vernemq && ! id vernemq"),
      },
    ]);
  });

  it("for CentOS and RHEL, as far as rpm on another system goes", async () => {
    const directory = await freshSystem();
    const [first, second] = [await makePackage("rpm", VERSION), await makePackage("rpm", NEXT)];
    const rpm = async (...argv: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run("rpm", ["--root", directory, ...argv], {
        deadlineMs: 120_000,
      });
      assert.equal(code, 0, `rpm ${argv.join(" ")}\n${stdout}${stderr}`);
      return stdout;
    };
    await rpm("--initdb");
    // The next boot: the service is enabled.
    await rpm("--nodeps", "-Uvh", first);
    await using system = await Machine.start(directory, true);
    assert.equal(await system.sh("systemctl is-active vernemq"), "active");
    await system.sh("systemctl stop vernemq");
    await follow(system, "install-redhat.md", "/root", [
      { command: `sudo yum install vernemq-${VERSION}-1.x86_64.rpm`, skip: "Debian has no yum" },
      {
        command: "rpm -qa | grep vernemq",
        instead: async () => assert.match(await rpm("-qa"), /^vernemq-.*-1\.x86_64$/m),
      },
      { command: "sudo vmq-passwd -c /etc/vernemq/vmq.passwd alice", typed: PASSWORD },
      { command: "sudo systemctl start vernemq" },
      { command: "mosquitto_pub -u alice -P 'the password' -t hello -m world" },
      {
        command: `sudo rpm -Uvh vernemq-${NEXT}-1.x86_64.rpm`,
        instead: () => rpm("--nodeps", "-Uvh", second),
      },
      {
        command: "sudo rpm -e vernemq",
        // rpm is outside: what its script does by systemctl is not seen from there.
        instead: async () => {
          await system.sh("systemctl stop vernemq");
          await rpm("-e", "vernemq");
          await system.sh("test -e /etc/vernemq/vmq.passwd && test -d /var/lib/vernemq/msgstore");
        },
      },
      { command: "sudo rm -r /etc/vernemq /var/lib/vernemq /var/log/vernemq" },
      { command: "sudo userdel vernemq" },
    ]);
  });

  it("for archives on Linux", async () => {
    const directory = await freshSystem();
    const platform = platformNamed(root);
    const output = temporaryDirectory();
    await makeRelease({ root, platforms: [platform], only: ["archives"], output, say: () => {} });
    const name = archiveName(VERSION, platform);
    for (const file of [`${name}.tar.gz`, "SHA256SUMS"])
      copyFileSync(join(output, file), join(directory, "root", file));
    await using system = await Machine.start(directory, false);
    // The guide says VERSION.
    await system.sh(
      `cd /root && ln -s ${name}.tar.gz vernemq-VERSION-linux-x64.tar.gz && ln -s ${name} vernemq-VERSION-linux-x64`,
    );
    const other = "not on Linux";
    const source = "npm start, npm run build and the built tree are what other tests begin with";
    await follow(system, "install-archives.md", "/root", [
      { command: "sha256sum --check --ignore-missing SHA256SUMS", prints: /linux-x64\.tar\.gz: OK$/m },
      { command: "tar -xzf vernemq-VERSION-linux-x64.tar.gz" },
      { command: "cd vernemq-VERSION-linux-x64" },
      { command: "bin/vernemq start" },
      { command: "bin/vernemq ping", prints: /^pong$/m },
      { command: "bin/vmq-admin session show" },
      { command: "bin/vernemq stop", prints: /^ok$/m },
      { command: "bin/vmq-passwd -c etc/vmq.passwd ada", typed: ["...", "..."] },
      { command: "bin/vernemq start" },
      {
        command: "mosquitto_pub -u ada -P '...' -t hello -m world",
        afterwards: () => system.sh("/root/vernemq-VERSION-linux-x64/bin/vernemq stop"),
      },
      { command: "xattr -dr com.apple.quarantine vernemq-VERSION-macos-arm64", skip: other },
      { command: "codesign --force --sign - vernemq-VERSION-macos-arm64/bin/vernemq", skip: other },
      { command: "npm run build", skip: source },
      { command: "_build/default/rel/vernemq/bin/vernemq start", skip: source },
    ]);
  });
});
