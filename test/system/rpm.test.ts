/** The RPM package, installed by rpm into a minimal system (of Debian: no RPM distribution can be had from apt). */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { run } from "../support/processes.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { Machine } from "./support/machine.ts";
import { makePackage } from "./support/packages.ts";

const checkout = dirname(dirname(import.meta.dirname));
const base = await debianRoot(["rpm", "rpmbuild", "rpmlint"]);
const skip = "reason" in base ? base.reason : false;

describe("the RPM package", { skip }, () => {
  it("is the same when it is made again, and rpmlint has nothing to say", async () => {
    const [first, second] = [await makePackage("rpm", "1.0.0"), await makePackage("rpm", "1.0.0")];
    const same = Buffer.compare(readFileSync(first), readFileSync(second));
    rmSync(second);
    assert.equal(same, 0);
    const argv = ["-c", join(checkout, "packaging/rpm/rpmlint.toml"), first];
    const { code, stdout, stderr } = await run("rpmlint", argv, { deadlineMs: 240_000 });
    rmSync(first);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, / 0 errors, 0 warnings/, stdout);
  });

  it("is installed, serves, is upgraded and erased", async () => {
    if ("reason" in base) throw new Error(base.reason);
    const directory = await unpackRoot(base);
    const rpm = async (...argv: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run("rpm", ["--root", directory, ...argv], {
        deadlineMs: 120_000,
      });
      assert.equal(code, 0, `rpm ${argv.join(" ")}\n${stdout}${stderr}`);
      return stdout;
    };
    await rpm("--initdb");
    const [first, second] = [
      await makePackage("rpm", "1.0.0"),
      await makePackage("rpm", "1.1.0", "topic read news\n"),
    ];
    // That system's libraries are none of this database.
    assert.match(await rpm("-i", "--nodeps", first), /lets nobody in yet[\s\S]*vmq-passwd -c/);
    assert.match(await rpm("-qa"), /^vernemq-1\.0\.0-1\./m);
    assert.match(await rpm("-q", "--requires", "vernemq"), /libc\.so\.6\(GLIBC_2\.28\)/);
    assert.equal(
      await rpm("-q", "--configfiles", "vernemq"),
      "/etc/vernemq/vernemq.conf\n/etc/vernemq/vmq.acl\n",
    );
    // Every file as the package has it, rights and owners too.
    assert.equal(await rpm("-V", "--nodeps", "vernemq"), "");
    const configuration = join(directory, "etc/vernemq/vernemq.conf");
    {
      await using system = await Machine.start(directory, false);
      assert.equal(
        await system.sh("stat -c '%a %U:%G %n' /etc/vernemq/vernemq.conf /var/lib/vernemq /var/log/vernemq"),
        "640 root:vernemq /etc/vernemq/vernemq.conf\n750 vernemq:vernemq /var/lib/vernemq\n750 vernemq:vernemq /var/log/vernemq",
      );
      await system.sh(
        "printf 'the password\\nthe password\\n' | vmq-passwd -c /etc/vernemq/vmq.passwd alice",
      );
      await system.sh("vernemq start");
      await system.sh("mosquitto_pub -u alice -P 'the password' -t hello -m world -q 1 -r");
      assert.equal(await system.sh("mosquitto_sub -u alice -P 'the password' -t hello -C 1 -W 20"), "world");
      assert.equal(await system.sh("vernemq stop"), "ok");

      appendFileSync(configuration, "max_client_id_size = 50\n");
      appendFileSync(join(directory, "etc/vernemq/vmq.acl"), "# mine\n");
      await rpm("-U", "--nodeps", second);
      assert.match(await rpm("-qa"), /^vernemq-1\.1\.0-1\./m);
      assert.match(readFileSync(configuration, "utf8"), /max_client_id_size = 50\n$/);
      assert.match(await system.sh("cat /etc/vernemq/vmq.acl"), /# mine$/);
      assert.match(await system.sh("cat /etc/vernemq/vmq.acl.rpmnew"), /topic read news$/);
      await system.sh("rm /etc/vernemq/vmq.acl.rpmnew");
      await system.sh("vernemq start");
      assert.equal(await system.sh("mosquitto_sub -u alice -P 'the password' -t hello -C 1 -W 20"), "world");
      assert.equal(await system.sh("vernemq stop"), "ok");

      await rpm("-e", "vernemq");
      assert.equal((await rpm("-qa")).includes("vernemq"), false);
      assert.equal(
        await system.sh("ls /etc/vernemq /var/lib/vernemq; getent passwd vernemq | cut -d: -f6"),
        [
          "/etc/vernemq:",
          "vernemq.conf.rpmsave",
          "vmq.acl.rpmsave",
          "vmq.passwd",
          "",
          "/var/lib/vernemq:",
          "msgstore",
          "/var/lib/vernemq",
        ].join("\n"),
      );
      assert.equal((await system.run("ls -d /usr/lib/vernemq /usr/sbin/vernemq 2>/dev/null")).stdout, "");
    }
  });
});
