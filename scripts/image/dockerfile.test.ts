import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { containerConfiguration } from "../../src/cli/container/configuration.ts";
import { installation } from "../../src/cli/installation.ts";
import { places } from "../../src/cli/places.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { VERSION } from "../../src/config/version.ts";
import { dockerfile } from "./dockerfile.ts";
import { imageConfig } from "./image-config.ts";

const root = dirname(dirname(import.meta.dirname));

describe("what people with a container engine use", () => {
  const read = (file: string): string => readFileSync(join(root, "packaging", file), "utf8");

  it("the Dockerfile says the same of its image as the one that is made without an engine", () => {
    const { config } = JSON.parse(
      imageConfig({ architecture: "amd64", version: VERSION, revision: "", epoch: 0 }, []),
    );
    const all = dockerfile(root);
    const texts = (wanted: string): string[] =>
      all.filter(({ name }) => name === wanted).map(({ text }) => text);
    const [ports = ""] = texts("EXPOSE");
    const exposed = ports.split(/\s+/).flatMap((port) => {
      const [first = 0, last = first] = port.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/tcp`);
    });
    assert.deepEqual(exposed, Object.keys(config.ExposedPorts));
    assert.deepEqual(JSON.parse(texts("VOLUME")[0] ?? ""), Object.keys(config.Volumes));
    assert.deepEqual(texts("USER"), [config.User]);
    assert.deepEqual(texts("WORKDIR"), [config.WorkingDir]);
    assert.deepEqual(texts("STOPSIGNAL"), [config.StopSignal]);
    assert.deepEqual(JSON.parse(texts("CMD")[0] ?? ""), config.Cmd);
    assert.deepEqual(texts("ENV")[0]?.split(" "), config.Env);
    const [health = ""] = texts("HEALTHCHECK");
    const [times, command = ""] = health.split(" CMD ");
    assert.equal(times, "--interval=30s --timeout=10s --start-period=60s --retries=3");
    assert.deepEqual(["CMD", ...JSON.parse(command)], config.Healthcheck.Test);
    const labels = Object.fromEntries(
      [...(texts("LABEL")[0] ?? "").matchAll(/([\w.]+)="([^"]*)"/g)].map(([, key = "", value]) => [
        key,
        value,
      ]),
    );
    const { "org.opencontainers.image.created": _created, ...expected } = config.Labels;
    assert.deepEqual(labels, expected);
  });

  it("the Compose file and the chart name this version, and the broker takes their variables", (context) => {
    const compose = read("docker/docker-compose.yml");
    assert.match(
      compose,
      new RegExp(
        `^    image: vernemq/vernemq:\\$\\{VERNEMQ_VERSION:-${VERSION.replaceAll(".", "\\.")}\\}$`,
        "m",
      ),
    );
    const chart = read("helm/vernemq/Chart.yaml");
    for (const key of ["version", "appVersion"]) assert.ok(chart.includes(`\n${key}: ${VERSION}\n`), key);

    const env = Object.fromEntries(
      [...compose.matchAll(/^ {6}(DOCKER_VERNEMQ_\w+): "?([^"\n]*)"?$/gm)].map(
        ([, name = "", value = ""]) => [name, value.replaceAll("$$", "$")],
      ),
    );
    assert.equal(Object.keys(env).length, 4);
    const directory = mkdtempSync(join(tmpdir(), "vernemq-compose-"));
    context.after(() => rmSync(directory, { recursive: true }));
    mkdirSync(join(directory, "etc"));
    writeFileSync(join(directory, "etc/vernemq.conf"), readFileSync(join(root, "etc/vernemq.conf")));
    const where = places({}, {}, installation(directory));
    const { confFile, overlay } = containerConfiguration(where.confFile, env);
    const result = loadConfiguration({ ...where, confFile, overlay, env });
    // The engine brings the secret.
    assert.deepEqual(result.ok ? [] : result.errors.map(formatProblem), [
      "DOCKER_VERNEMQ_USER_DEMO: cannot be replaced by the content of /run/secrets/demo-password: there is no such file",
    ]);
  });
});
