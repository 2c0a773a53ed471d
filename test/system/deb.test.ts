/** The Debian package in a minimal Debian system without an init system: its files, its scripts, its commands. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { run } from "../support/processes.ts";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { Machine } from "./support/machine.ts";
import { makePackage } from "./support/packages.ts";

const base = await debianRoot(["lintian"]);
const skip = "reason" in base ? base.reason : false;

async function machine(): Promise<Machine> {
  if ("reason" in base) throw new Error(base.reason);
  return Machine.start(await unpackRoot(base), false);
}

/** Puts a file into the system's /root. */
function put({ directory }: Machine, file: string): string {
  copyFileSync(file, join(directory, "root", basename(file)));
  return `/root/${basename(file)}`;
}

describe("the Debian package", { skip }, () => {
  it("is the same when it is made again, and lintian has nothing to say", async () => {
    const [first, second] = [await makePackage("deb", "1.0.0"), await makePackage("deb", "1.0.0")];
    const same = Buffer.compare(readFileSync(first), readFileSync(second));
    rmSync(second);
    assert.equal(same, 0);
    const argv = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", first];
    const { code, stdout, stderr } = await run("lintian", argv, { deadlineMs: 240_000 });
    rmSync(first);
    assert.deepEqual([code, stdout], [0, ""], stderr);
  });

  it("is installed, serves, is upgraded, removed and purged", async () => {
    await using system = await machine();
    const [first, second] = [
      put(system, await makePackage("deb", "1.0.0")),
      put(system, await makePackage("deb", "1.1.0-rc.1", "topic read news\n")),
    ];
    const installed = await system.sh(`dpkg -i ${first}`);
    assert.match(installed, /lets nobody in yet[\s\S]*vmq-passwd -c \/etc\/vernemq\/vmq\.passwd alice/);
    assert.equal(await system.sh("dpkg -s vernemq | grep Status"), "Status: install ok installed");
    assert.match(
      await system.sh("whereis vernemq"),
      /^vernemq: \/usr\/sbin\/vernemq \/usr\/lib\/vernemq \/etc\/vernemq \/usr\/share\/vernemq/,
    );
    assert.equal(
      await system.sh(
        "stat -c '%A %U:%G %n' /etc/vernemq /etc/vernemq/vernemq.conf /etc/vernemq/vmq.acl /var/lib/vernemq /var/log/vernemq /usr/lib/vernemq/bin/vernemq",
      ),
      [
        "drwxr-x--- root:vernemq /etc/vernemq",
        "-rw-r----- root:vernemq /etc/vernemq/vernemq.conf",
        "-rw-r----- root:vernemq /etc/vernemq/vmq.acl",
        "drwxr-x--- vernemq:vernemq /var/lib/vernemq",
        "drwxr-x--- vernemq:vernemq /var/log/vernemq",
        "-rwxr-xr-x root:root /usr/lib/vernemq/bin/vernemq",
      ].join("\n"),
    );
    assert.match(
      await system.sh("getent passwd vernemq | cut -d: -f5-"),
      /^VerneMQ broker,*:\/var\/lib\/vernemq:\/bin\/bash$/,
    );
    assert.match(
      await system.sh("vernemq config effective"),
      /^log\.error\.file = \/var\/log\/vernemq\/error\.log$/m,
    );
    assert.match(
      await system.sh("cat /etc/vernemq/vernemq.conf"),
      /^vmq_acl\.acl_file = \/etc\/vernemq\/vmq\.acl$/m,
    );
    assert.match(
      await system.sh("man -P cat vernemq vmq-admin vmq-passwd vernemq.conf"),
      /max_inflight_messages/,
    );
    const complete = (line: string): Promise<string> =>
      system.sh(`bash -c '
        . /usr/share/bash-completion/completions/vmq-admin
        COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _vmq_admin; echo "\${COMPREPLY[@]}"'`);
    assert.equal(await complete("vmq-admin session d"), "disconnect");
    assert.equal(await complete("vmq-admin plugin enable --na"), "--name=");

    // Without an init system root's commands run the broker as its user.
    assert.equal(await system.sh("vernemq start"), "");
    assert.equal(await system.sh("vernemq ping"), "pong");
    assert.equal(await system.sh("ps -o user= -p $(vernemq getpid)"), "vernemq");
    assert.equal(await system.sh("find /var/lib/vernemq /var/log/vernemq /run/vernemq ! -user vernemq"), "");
    assert.match(await system.sh("su vernemq -c 'vmq-admin cluster show'"), /VerneMQ@127\.0\.0\.1/);
    const nobody = await system.run("su -s /bin/sh nobody -c 'vernemq ping'");
    assert.deepEqual(nobody, {
      code: 1,
      stdout: "",
      stderr: "You need to be root or use sudo to run this command\n",
    });

    // The first client, as the text after the installation has it.
    await system.sh("printf 'the password\\nthe password\\n' | vmq-passwd -c /etc/vernemq/vmq.passwd alice");
    assert.equal(await system.sh("stat -c '%a %U:%G' /etc/vernemq/vmq.passwd"), "640 root:vernemq");
    await system.sh("vernemq reload");
    await system.sh("mosquitto_pub -u alice -P 'the password' -t hello -m world -q 1 -r");
    assert.equal((await system.run("mosquitto_pub -u alice -P wrong -t hello -m world")).code, 4);
    assert.equal(await system.sh("mosquitto_sub -u alice -P 'the password' -t hello -C 1 -W 20"), "world");
    assert.equal(await system.sh("vernemq restart"), "ok");
    assert.equal(await system.sh("vernemq stop"), "ok");
    assert.deepEqual(await system.run("vernemq ping"), {
      code: 1,
      stdout: "",
      stderr: "Node 'VerneMQ@127.0.0.1' not responding to pings.\n",
    });

    // What the administrator has changed stays, and so do users, rules and data.
    await system.sh("echo 'max_client_id_size = 50' >> /etc/vernemq/vernemq.conf");
    await system.sh("echo '# mine' >> /etc/vernemq/vmq.acl");
    await system.sh("chmod 0600 /etc/vernemq/vmq.acl && chown vernemq /etc/vernemq/vmq.acl");
    assert.doesNotMatch(await system.sh(`dpkg --force-confold -i ${second}`), /The first client/);
    assert.equal(await system.sh("dpkg -s vernemq | sed -n 's/^Version: //p'"), "1.1.0~rc.1-1");
    assert.equal(await system.sh("tail -n 1 /etc/vernemq/vernemq.conf"), "max_client_id_size = 50");
    assert.equal(await system.sh("stat -c '%a %U' /etc/vernemq/vmq.acl"), "600 vernemq");
    assert.match(await system.sh("cat /etc/vernemq/vmq.acl"), /# mine$/);
    assert.match(await system.sh("cat /etc/vernemq/vmq.acl.dpkg-dist"), /topic read news$/);
    await system.sh("rm /etc/vernemq/vmq.acl.dpkg-dist");
    await system.sh("vernemq start");
    assert.equal(await system.sh("mosquitto_sub -u alice -P 'the password' -t hello -C 1 -W 20"), "world");

    // A broker that runs is stopped by the removal.
    await system.sh("dpkg -r vernemq");
    assert.equal((await system.run("pgrep -u vernemq")).stdout, "");
    assert.equal(
      await system.sh("ls /usr/lib | grep vernemq || ls /etc/vernemq /var/lib/vernemq"),
      ["/etc/vernemq:", "vernemq.conf", "vmq.acl", "vmq.passwd", "", "/var/lib/vernemq:", "msgstore"].join(
        "\n",
      ),
    );
    await system.sh("dpkg -P vernemq");
    const left =
      "ls -d /etc/vernemq /var/lib/vernemq /var/log/vernemq /run/vernemq /usr/share/vernemq 2>/dev/null";
    assert.equal((await system.run(`${left}; getent passwd vernemq; getent group vernemq`)).stdout, "");
  });
});
