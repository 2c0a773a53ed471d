/** The Helm chart, rendered with the engine and the functions that helm has, and what it tells the broker. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { containerConfiguration } from "../../src/cli/container/configuration.ts";
import { installation } from "../../src/cli/installation.ts";
import { places } from "../../src/cli/places.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { VERSION } from "../../src/config/version.ts";
import { run, temporaryDirectory } from "../support/processes.ts";
import { missing } from "./support/requirements.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHART = join(ROOT, "packaging/helm/vernemq");

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Rendered {
  readonly notes: string;
  readonly objects: readonly Json[];
}

/** What is at the end of a path of keys and indices. */
function at(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  return path.reduce<Json | undefined>((found, key) => {
    const entries = new Map<string, Json>(Object.entries(Object(found)));
    return entries.get(String(key));
  }, value);
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** The renderer is a program in Go, because the engine is: it is built once. */
const SKIP = missing({ debian: true, commands: ["go"] });

describe("the Helm chart", { skip: SKIP }, () => {
  const directory = temporaryDirectory("vernemq-chart-");
  const renderer = join(directory, "render");

  before(async () => {
    const built = await run(
      "go",
      ["build", "-o", renderer, join(ROOT, "test/system/support/chart/render.go")],
      {
        // The packages of Debian; no module is fetched.
        env: {
          GO111MODULE: "off",
          GOPATH: "/usr/share/gocode",
          GOCACHE: join(directory, "cache"),
          GOFLAGS: "-p=1",
        },
        deadlineMs: 300_000,
      },
    );
    assert.equal(built.code, 0, built.stderr);
  });

  async function render(values: Json = {}): Promise<Rendered> {
    const file = join(directory, "values.json");
    writeFileSync(file, JSON.stringify(values));
    const { code, stdout, stderr } = await run(renderer, [CHART, "broker", file]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  }

  function find({ objects }: Rendered, kind: string, name = "broker-vernemq"): Json | undefined {
    return objects.find((object) => at(object, "kind") === kind && at(object, "metadata", "name") === name);
  }

  function container(rendered: Rendered): Json | undefined {
    return at(find(rendered, "StatefulSet"), "spec", "template", "spec", "containers", 0);
  }

  /** The variables of the broker; those from elsewhere have the value `secret`. */
  function environment(rendered: Rendered): Record<string, string> {
    const entries = list(at(container(rendered), "env")).map((entry): [string, string] => {
      const value = at(entry, "value");
      return [String(at(entry, "name")), typeof value === "string" ? value : "secret"];
    });
    return Object.fromEntries(entries);
  }

  /** What the broker of a container has against these variables. */
  function errors(env: Readonly<Record<string, string>>): readonly string[] {
    const root = temporaryDirectory("vernemq-chart-broker-");
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/vernemq.conf"), readFileSync(join(ROOT, "etc/vernemq.conf")));
    const where = places({}, {}, installation(root));
    const { confFile, overlay } = containerConfiguration(where.confFile, env);
    const result = loadConfiguration({ ...where, confFile, overlay, env });
    return result.ok ? [] : result.errors.map(formatProblem);
  }

  it("has the version of the broker", async () => {
    assert.equal(at(container(await render()), "image"), `vernemq/vernemq:${VERSION}`);
  });

  it("makes what a broker needs, without root and with a volume", async () => {
    const rendered = await render();
    assert.deepEqual(
      rendered.objects.map((object) => `${at(object, "kind")} ${at(object, "metadata", "name")}`).sort(),
      [
        "ConfigMap broker-vernemq-acl",
        "Service broker-vernemq",
        "Service broker-vernemq-headless",
        "ServiceAccount broker-vernemq",
        "StatefulSet broker-vernemq",
      ],
    );
    const spec = at(find(rendered, "StatefulSet"), "spec");
    const pod = at(spec, "template", "spec");
    assert.equal(at(spec, "serviceName"), "broker-vernemq-headless");
    assert.equal(at(pod, "securityContext", "runAsUser"), 10_000);
    assert.equal(at(pod, "securityContext", "fsGroup"), 10_000);
    assert.equal(at(container(rendered), "securityContext", "readOnlyRootFilesystem"), true);
    assert.deepEqual(
      list(at(spec, "volumeClaimTemplates")).map((claim) => at(claim, "metadata", "name")),
      ["data"],
    );
    // Every mount has its volume.
    const volumes = [...list(at(pod, "volumes")).map((volume) => at(volume, "name")), "data"];
    for (const mount of list(at(container(rendered), "volumeMounts")))
      assert.ok(volumes.includes(at(mount, "name") ?? ""), JSON.stringify(mount));
    for (const probe of ["startupProbe", "livenessProbe"])
      assert.deepEqual(at(container(rendered), probe, "exec", "command"), ["vernemq", "ping"]);
    // Services lead to ports that there are, and to these pods.
    const ports = list(at(container(rendered), "ports")).map((port) => at(port, "name"));
    for (const name of ["broker-vernemq", "broker-vernemq-headless"]) {
      const service = at(find(rendered, "Service", name), "spec");
      assert.deepEqual(at(service, "selector"), at(spec, "selector", "matchLabels"));
      for (const port of list(at(service, "ports"))) assert.ok(ports.includes(at(port, "targetPort") ?? ""));
    }
    assert.match(rendered.notes, /nobody can connect yet/);
  });

  it("tells the broker what it understands", async () => {
    const values = {
      config: { max_inflight_messages: 100, "listener.tcp.max_connections": "5000", allow_anonymous: "on" },
      users: [{ name: "alice", secretName: "mqtt-users", secretKey: "alice" }],
    };
    const rendered = await render(values);
    const env = environment(rendered);
    assert.equal(env.DOCKER_VERNEMQ_LISTENER__TCP__MAX_CONNECTIONS, "5000");
    assert.equal(env.DOCKER_VERNEMQ_MAX_INFLIGHT_MESSAGES, "100");
    assert.equal(env.DOCKER_VERNEMQ_USER_ALICE, "secret");
    assert.deepEqual(errors(env), []);
    assert.doesNotMatch(rendered.notes, /nobody can connect/);
  });

  it("opens TLS ports with certificates, and not without", async () => {
    const service = { mqtts: { enabled: true }, wss: { enabled: true, port: 443, nodePort: 30_001 } };
    await assert.rejects(render({ service }), /need certificates\.secretName/);
    const certificates = { secretName: "tls", requireClientCertificate: true };
    const rendered = await render({ service, certificates });
    const env = environment(rendered);
    assert.equal(env.DOCKER_VERNEMQ_LISTENER__SSL__DEFAULT, "0.0.0.0:8883");
    assert.equal(env.DOCKER_VERNEMQ_LISTENER__WSS__DEFAULT, "0.0.0.0:8443");
    assert.equal(env.DOCKER_VERNEMQ_LISTENER__SSL__REQUIRE_CERTIFICATE, "on");
    const ports = list(at(find(rendered, "Service"), "spec", "ports"));
    assert.deepEqual(
      ports.map((port) => [at(port, "name"), at(port, "port"), at(port, "nodePort")]),
      [
        ["mqtt", 1883, undefined],
        ["mqtts", 8883, undefined],
        ["wss", 443, 30_001],
      ],
    );
  });

  it("has the rest as asked for", async () => {
    const rendered = await render({
      replicaCount: 3,
      fullnameOverride: "mqtt",
      acl: { enabled: false },
      pdb: { enabled: true, minAvailable: 2 },
      podAntiAffinity: "hard",
      persistentVolume: { enabled: false },
      serviceAccount: { create: false },
      service: { type: "LoadBalancer", externalTrafficPolicy: "Local", annotations: { a: "b" } },
      nodeSelector: { disk: "fast" },
      tolerations: [{ operator: "Exists" }],
      envFrom: [{ secretRef: { name: "more" } }],
    });
    const kinds = rendered.objects.map((object) => at(object, "kind")).sort();
    assert.deepEqual(kinds, ["PodDisruptionBudget", "Service", "Service", "StatefulSet"]);
    assert.equal(at(find(rendered, "PodDisruptionBudget", "mqtt"), "spec", "minAvailable"), 2);
    const spec = at(find(rendered, "StatefulSet", "mqtt"), "spec");
    assert.equal(at(spec, "volumeClaimTemplates"), undefined);
    const pod = at(spec, "template", "spec");
    assert.equal(at(pod, "serviceAccountName"), "default");
    assert.ok(list(at(pod, "volumes")).some((volume) => at(volume, "name") === "data"));
    const hard = "requiredDuringSchedulingIgnoredDuringExecution";
    assert.equal(list(at(pod, "affinity", "podAntiAffinity", hard)).length, 1);
    assert.deepEqual(at(pod, "nodeSelector"), { disk: "fast" });
    assert.equal(at(find(rendered, "Service", "mqtt"), "spec", "externalTrafficPolicy"), "Local");
    assert.match(rendered.notes, /does not form clusters: the 3 nodes/);
    assert.match(rendered.notes, /lost with the pod/);
  });

  it("knows all its values", () => {
    const schema: Json = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
    const known = Object.keys(Object(at(schema, "properties"))).filter((key) => key !== "global");
    const values = readFileSync(join(CHART, "values.yaml"), "utf8");
    const written = [...values.matchAll(/^([A-Za-z]+):/gm)].map(([, key]) => key);
    assert.deepEqual(written.sort(), known.sort());
  });
});
