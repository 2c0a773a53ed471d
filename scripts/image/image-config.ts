/** What an image says about itself: how it is started, what it exposes, who it runs as. */

import { type ImageArchitecture, VERNEMQ_UID } from "./base-root.ts";
import type { Layer } from "./layer.ts";

export interface ImageFacts {
  readonly architecture: ImageArchitecture;
  readonly version: string;
  /** The commit it is made from; the empty text when that is not known. */
  readonly revision: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

/** As the documentation of VerneMQ's image has them. */
const PORTS = ["1883", "8883", "8080", "44053", "4369", "8888", ...portRange(9100, 9109)];

/** `run` holds the control socket: so the root of the image may be read-only. */
const VOLUMES = ["/vernemq/log", "/vernemq/data", "/vernemq/etc", "/vernemq/run"];

const NANOSECONDS = 1_000_000_000;

function portRange(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

function keys(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function createdAt({ epoch }: Pick<ImageFacts, "epoch">): string {
  return new Date(epoch * 1000).toISOString();
}

/** What registries and tools show of an image: its labels, and the annotations of its manifest and index. */
export function imageLabels({
  version,
  revision,
  epoch,
}: Omit<ImageFacts, "architecture">): Readonly<Record<string, string>> {
  return {
    "org.opencontainers.image.title": "VerneMQ",
    "org.opencontainers.image.description": "A durable, very fast MQTT 3.1, 3.1.1 and 5.0 broker",
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.created": createdAt({ epoch }),
    ...(revision !== "" && { "org.opencontainers.image.revision": revision }),
  };
}

/** The configuration of the image with these layers and what was done for each, as JSON. */
export function imageConfig(
  facts: ImageFacts,
  layers: readonly { readonly layer: Layer; readonly comment: string }[],
): string {
  const { architecture, version } = facts;
  const created = createdAt(facts);
  const config = {
    User: `${VERNEMQ_UID}:${VERNEMQ_UID}`,
    ExposedPorts: keys(PORTS.map((port) => `${port}/tcp`)),
    Env: [
      "PATH=/vernemq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      `VERNEMQ_VERSION=${version}`,
      "VERNEMQ_CONTAINER=1",
    ],
    Cmd: ["start_vernemq"],
    Healthcheck: {
      Test: ["CMD", "vernemq", "ping"],
      Interval: 30 * NANOSECONDS,
      Timeout: 10 * NANOSECONDS,
      StartPeriod: 60 * NANOSECONDS,
      Retries: 3,
    },
    Volumes: keys(VOLUMES),
    WorkingDir: "/vernemq",
    StopSignal: "SIGTERM",
    Labels: imageLabels(facts),
  };
  return JSON.stringify({
    created,
    architecture,
    os: "linux",
    config,
    // Older versions of podman look for the health check here.
    container_config: { Healthcheck: config.Healthcheck },
    rootfs: { type: "layers", diff_ids: layers.map(({ layer }) => `sha256:${layer.plain.digest}`) },
    history: layers.map(({ comment }) => ({ created, created_by: comment })),
  });
}
