/** The service under a real systemd as process 1, in a container of its own. */
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { debianRoot, unpackRoot } from "./support/debian-root.ts";
import { Machine } from "./support/machine.ts";
import { makePackage } from "./support/packages.ts";

const base = await debianRoot([]);
const skip = "reason" in base ? base.reason : false;

/** More than this and `systemd-analyze security` does not call the service well protected. */
const MOST_EXPOSURE = 2.0;
const AS_ALICE = "-u alice -P 'the password' -q 1";

describe("the service", { skip }, () => {
  let system: Machine;

  before(async () => {
    if ("reason" in base) throw new Error(base.reason);
    const directory = await unpackRoot(base);
    copyFileSync(await makePackage("deb", "1.0.0"), join(directory, "root/vernemq.deb"));
    system = await Machine.start(directory, true);
    await system.sh("dpkg -i /root/vernemq.deb");
  });
  after(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  const property = (name: string): Promise<string> =>
    system.sh(`systemctl show vernemq --property=${name} --value`);
  /** Writes a fragment of the configuration. */
  const configure = (...lines: string[]): Promise<string> =>
    system.sh(
      `printf '${lines.join("\\n")}\\n' > /etc/vernemq/conf.d/test.conf && chgrp vernemq /etc/vernemq/conf.d/test.conf`,
    );
  const journal = (): Promise<string> => system.sh("journalctl -q --no-pager -o cat -u vernemq");

  it("runs and is enabled after the installation, and lets the first client in", async () => {
    assert.equal(await property("ActiveState"), "active");
    assert.equal(await property("UnitFileState"), "enabled");
    assert.equal(await property("StatusText"), "0 clients connected; listening on 127.0.0.1:1883");
    await system.sh("printf 'the password\\nthe password\\n' | vmq-passwd -c /etc/vernemq/vmq.passwd alice");
    await system.sh("systemctl reload vernemq");
    await system.sh(`mosquitto_pub ${AS_ALICE} -t kept -m safe -r`);
    await system.sh("systemd-analyze verify vernemq.service");
  });

  it("is ready when clients are served, and no earlier", async () => {
    await system.sh("systemctl restart vernemq");
    assert.equal(await system.sh(`mosquitto_sub ${AS_ALICE} -t kept -C 1 -W 20`), "safe");
    const pid = await property("MainPID");
    assert.equal(await system.sh("vernemq getpid"), pid);
    // One small child that speaks to systemd, for as long as the broker lives.
    assert.match(await system.sh(`ps -o comm= --ppid ${pid}`), /^sh$/);
  });

  it("has no more rights than it needs", async () => {
    const text = await system.sh("systemd-analyze security vernemq --no-pager");
    const exposure = Number(/exposure level for vernemq\.service: ([\d.]+)/.exec(text)?.[1]);
    assert.ok(exposure <= MOST_EXPOSURE, text);
    const pid = await property("MainPID");
    const status = await system.sh(`cat /proc/${pid}/status`);
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
    assert.match(status, /^CapEff:\s+0000000000000400$/m);
    assert.match(status, /^CapBnd:\s+0000000000000400$/m);
    const mounts = await system.sh(`cat /proc/${pid}/mounts`);
    assert.match(mounts, / \/ \S+ ro,/);
    assert.match(mounts, / \/var\/lib\/vernemq \S+ rw,/);
    assert.match(mounts, / \/home tmpfs ro,| \/home \S+ ro,/);
  });

  it("reads its configuration again, and survives a broken one", async () => {
    await configure("max_client_id_size = 10");
    await system.sh("systemctl reload vernemq");
    assert.match(
      await journal(),
      /changed: max_client_id_size = 10 \(\/etc\/vernemq\/conf\.d\/test\.conf:1, was 100\)/,
    );
    assert.notEqual((await system.run(`mosquitto_pub ${AS_ALICE} -i longer-than-ten -t a -m b`)).code, 0);
    await configure("max_client_id_size = 100", "max_inflight_mesages = 3");
    const { code } = await system.run("systemctl reload vernemq");
    assert.notEqual(code, 0);
    assert.match(await journal(), /test\.conf:2: max_inflight_mesages: there is no option of this name/);
    assert.equal(await property("ActiveState"), "active");
    assert.notEqual((await system.run(`mosquitto_pub ${AS_ALICE} -i longer-than-ten -t a -m b`)).code, 0);

    // As the commands have it: the reason for a start that fails is on standard error.
    assert.equal((await system.run("vernemq stop")).stdout, "ok\n");
    const failed = await system.run("vernemq start");
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /max_inflight_mesages[\s\S]*vernemq failed to start/);
    await configure("");
    await system.sh("systemctl reset-failed vernemq; vernemq restart");
    assert.equal(await property("ActiveState"), "active");
  });

  it("has variables from /etc/default, which its commands see too", async () => {
    await system.sh("printf 'ulimit -n 65536\\nLONGEST=\"40\"\\n' > /etc/default/vernemq");
    await configure("max_client_id_size = $(LONGEST)");
    assert.match(await system.sh("vernemq chkconfig"), /config is OK/);
    await system.sh("systemctl restart vernemq");
    assert.match(await system.sh("vmq-admin show max_client_id_size"), /\b40\b/);
    assert.match(await system.sh("vernemq config effective"), /^max_client_id_size = 40$/m);
    await configure("");
    await system.sh("rm /etc/default/vernemq; systemctl restart vernemq");
  });

  it("is what root's vernemq start, stop and restart are about", async () => {
    const again = await system.run("vernemq start");
    assert.deepEqual(again, { code: 1, stdout: "", stderr: "Node is already running!\n" });
    assert.equal(await system.sh("vernemq restart"), "ok");
    assert.equal(await system.sh("vernemq getpid"), await property("MainPID"));
    assert.equal(await system.sh("vernemq stop"), "ok");
    assert.equal(await property("ActiveState"), "inactive");
    assert.equal((await system.run("vernemq stop")).code, 1);
    assert.equal(await system.sh("vernemq start"), "");
    assert.equal(await property("ActiveState"), "active");
    // The broker's user may stop it; that is an orderly end, after which nothing starts it again.
    assert.equal(await system.sh("su vernemq -c 'vernemq stop'"), "ok");
    await system.until("systemctl is-active vernemq | grep -q '^inactive$'");
    await system.sh("systemctl start vernemq");
    assert.equal(await system.sh("find /var/lib/vernemq /var/log/vernemq /run/vernemq ! -user vernemq"), "");
  });

  it("listens on a port below 1024", async () => {
    await configure("listener.tcp.low = 127.0.0.1:883");
    await system.sh("systemctl restart vernemq");
    assert.equal(await system.sh(`mosquitto_sub -p 883 ${AS_ALICE} -t kept -C 1 -W 20`), "safe");
    assert.equal(
      await property("StatusText"),
      "0 clients connected; listening on 127.0.0.1:1883, 127.0.0.1:883",
    );
    await configure("");
    await system.sh("systemctl restart vernemq");
  });

  it("is started again when it dies and when it hangs, with everything it had stored", async () => {
    const before = Number(await property("NRestarts"));
    const restarted = async (count: number): Promise<void> => {
      await system.until(
        `test "$(systemctl show vernemq -p NRestarts -p ActiveState --value | sort | tr '\\n' ' ')" = "${count} active "`,
        90_000,
      );
      assert.equal(await system.sh(`mosquitto_sub ${AS_ALICE} -t kept -C 1 -W 20`), "safe");
    };
    await system.sh("kill -KILL $(vernemq getpid)");
    await restarted(before + 1);
    // The watchdog, shortened so that the test does not wait for its half minute.
    await system.sh(
      "mkdir -p /run/systemd/system/vernemq.service.d; printf '[Service]\\nWatchdogSec=4\\n' >/run/systemd/system/vernemq.service.d/test.conf; systemctl daemon-reload; systemctl restart vernemq",
    );
    await system.until("systemctl show vernemq -p WatchdogTimestampMonotonic --value | grep -vq '^0$'");
    const count = Number(await property("NRestarts"));
    await system.sh("kill -STOP $(vernemq getpid)");
    await restarted(count + 1);
    assert.match(await journal(), /Failed with result 'watchdog'/);
    await system.sh(
      "rm -r /run/systemd/system/vernemq.service.d; systemctl daemon-reload; systemctl restart vernemq",
    );
  });

  it("loses nothing when it is stopped under load", async () => {
    await configure("max_offline_messages = -1", "max_online_messages = -1");
    await system.sh("systemctl restart vernemq");
    await system.sh(`mosquitto_sub ${AS_ALICE} -i keeper -c -t load -E`);
    await system.sh(
      `(seq 1 60000 | stdbuf -oL mosquitto_pub ${AS_ALICE} -d -i pub -l -t load >/root/published 2>&1) </dev/null >/dev/null 2>&1 &`,
    );
    await system.until("test $(grep -c 'received PUBACK' /root/published) -gt 500");
    const from = performance.now();
    await system.sh("systemctl stop vernemq");
    assert.ok(performance.now() - from < 30_000);
    assert.equal(await property("Result"), "success");
    await system.sh("pkill mosquitto_pub || true");
    // The n-th line has packet id n: what was acknowledged, and what comes back.
    await system.sh(
      "sed -n 's/.*received PUBACK (Mid: \\([0-9]*\\), .*/\\1/p' /root/published | sort -u > /root/acknowledged",
    );
    assert.ok(Number(await system.sh("wc -l < /root/acknowledged")) > 500);
    await system.sh("systemctl start vernemq");
    await system.sh(`mosquitto_pub ${AS_ALICE} -t load -m end`);
    await system.sh(
      `mosquitto_sub ${AS_ALICE} -i keeper -c -t load -W 60 >/root/raw & until grep -q '^end$' /root/raw || ! kill -0 $!; do sleep 0.1; done; kill $!; wait; sort -u /root/raw >/root/received`,
      90_000,
    );
    assert.equal(await system.sh("comm -23 /root/acknowledged /root/received | head"), "");
  });

  it("gives the heap half of the memory that it may use", async (context) => {
    const print =
      "process.stdout.write(String(require('v8').getHeapStatistics().heap_size_limit) + ' ' + process.constrainedMemory() + '\\n')";
    await system.sh(`printf '%s' "${print}" > /root/print.cjs`);
    const answer = await system.sh(
      "systemd-run --quiet --wait --pipe -p MemoryMax=1G vernemq --node-options=--require=/root/print.cjs version",
    );
    const [heap, limit] = (answer.split("\n")[0] ?? "").split(" ").map(Number);
    if (limit !== 2 ** 30) {
      context.skip("this machine cannot limit the memory of a service");
      return;
    }
    assert.ok(heap !== undefined && heap >= 2 ** 29 && heap < 2 ** 29 + 2 ** 27, answer);
  });

  it("comes back with the package, and with what it had stored", async () => {
    await system.sh("dpkg -r vernemq");
    assert.equal((await system.run("pgrep -u vernemq")).stdout, "");
    assert.notEqual((await system.run("systemctl start vernemq")).code, 0);
    await system.sh("dpkg -i /root/vernemq.deb");
    assert.equal(await property("ActiveState"), "active");
    assert.equal(await property("UnitFileState"), "enabled");
    assert.equal(await system.sh(`mosquitto_sub ${AS_ALICE} -t kept -C 1 -W 20`), "safe");
  });

  it("ends with the package", async () => {
    await system.sh("dpkg -P vernemq");
    assert.equal(
      (await system.run("pgrep -u vernemq; ls -d /var/lib/vernemq /run/vernemq 2>/dev/null")).stdout,
      "",
    );
    assert.equal(await system.sh("systemctl show vernemq -p LoadState --value"), "not-found");
  });
});
