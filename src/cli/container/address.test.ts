import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { describe, it } from "node:test";
import { containerAddress, type Network, presentNetwork } from "./address.ts";

function ipv4(address: string): NetworkInterfaceInfo {
  return { family: "IPv4", address, netmask: "255.255.0.0", mac: "", internal: false, cidr: null };
}

function ipv6(address: string): NetworkInterfaceInfo {
  return { family: "IPv6", address, netmask: "", mac: "", internal: false, cidr: null, scopeid: 0 };
}

const HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const route = (name: string, destination: string, metric: number, mask = destination): string =>
  `${name}\t${destination}\t0100A8C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

const network: Network = {
  routes:
    HEADER +
    route("eth1", "00000000", 100) +
    route("eth0", "00000000", 0) +
    route("lo", "0000007F", 0, "000000FF"),
  interfaces: {
    lo: [ipv4("127.0.0.1")],
    eth0: [ipv6("fe80::1"), ipv4("172.17.0.2"), ipv4("172.17.0.3")],
    eth1: [ipv4("10.0.0.2")],
    eth2: [ipv6("fd00::2")],
  },
  hostName: "c0ffee",
};

describe("the address of a container", () => {
  for (const [name, env, address, host] of [
    ["is that of the default route", {}, "172.17.0.2", "172.17.0.2"],
    ["is that of a named interface", { DOCKER_NET_INTERFACE: "eth1" }, "10.0.0.2", "10.0.0.2"],
    ["is given", { DOCKER_IP_ADDRESS: "192.0.2.9" }, "192.0.2.9", "192.0.2.9"],
    ["may be all of them", { DOCKER_IP_ADDRESS: "0.0.0.0" }, "0.0.0.0", "c0ffee"],
    ["is any where the interface has no IPv4 address", { DOCKER_NET_INTERFACE: "eth2" }, "0.0.0.0", "c0ffee"],
    [
      "ignores empty variables",
      { DOCKER_NET_INTERFACE: "", DOCKER_IP_ADDRESS: "" },
      "172.17.0.2",
      "172.17.0.2",
    ],
  ] as const) {
    it(name, () => assert.deepEqual(containerAddress(env, network), { ok: true, address, host }));
  }

  it("is any where there is no default route", () => {
    const apart: Network = { ...network, routes: HEADER };
    assert.deepEqual(containerAddress({}, apart), { ok: true, address: "0.0.0.0", host: "c0ffee" });
    assert.deepEqual(
      containerAddress({}, { ...apart, routes: "", interfaces: { eth2: [ipv6("fd00::2")] } }),
      {
        ok: true,
        address: "::",
        host: "c0ffee",
      },
    );
  });

  it("is not known for an interface that does not exist", () => {
    assert.deepEqual(containerAddress({ DOCKER_NET_INTERFACE: "eth9" }, network), {
      ok: false,
      variable: "DOCKER_NET_INTERFACE",
      problem: "there is no network interface eth9 with an address; there are lo, eth0, eth1, eth2",
    });
  });

  it("can be found out here", () => {
    assert.equal(containerAddress({}, presentNetwork()).ok, true);
  });
});
