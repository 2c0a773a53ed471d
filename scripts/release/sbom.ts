/**
 * The list of parts of a release (CycloneDX 1.5). Written here and not by `npm sbom`, which lists what is installed and
 * not what went into the executable, knows no runtime, and gives a new serial number each time.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ThirdParty } from "../build/licences.ts";

export interface RuntimeParts {
  readonly version: string;
  readonly platforms: readonly string[];
  /** `process.versions` of it. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface SbomOptions {
  readonly root: string;
  readonly version: string;
  /** Seconds. */
  readonly epoch: number;
  readonly parties: readonly ThirdParty[];
  readonly runtimes: readonly RuntimeParts[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** `process.versions` also holds numbers of interfaces, which are no parts. */
const NO_PARTS = new Set(["node", "modules", "napi", "unicode", "cldr", "tz"]);

/** C++ libraries inside the native add-on of classic-level, from the folders of its sources. */
const LEVELDB = [
  { type: "library", name: "leveldb", version: "1.20", licenses: [{ license: { id: "BSD-3-Clause" } }] },
  { type: "library", name: "snappy", licenses: [{ license: { id: "BSD-3-Clause" } }] },
];

/** The document, as text. */
export function sbom({ root, version, epoch, parties, runtimes }: SbomOptions): string {
  const lock: Lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const components = [
    ...parties.map(({ name, version, licence, folder }) => ({
      "bom-ref": `${name}@${version}`,
      type: "library",
      name,
      version,
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      licenses: [licence.includes(" ") ? { expression: licence } : { license: { id: licence } }],
      hashes: hashesOf(lock.packages[folder]?.integrity),
      ...(name === "classic-level" && { components: LEVELDB }),
    })),
    ...runtimes.map(({ version, platforms, versions }) => ({
      "bom-ref": `node@${version}`,
      type: "platform",
      name: "node",
      version,
      cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
      licenses: [{ license: { id: "MIT" } }],
      properties: platforms.map((value) => ({ name: "platform", value })),
      components: Object.entries(versions)
        .filter(([name]) => !NO_PARTS.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, version]) => ({ type: "library", name, version })),
    })),
  ];
  const body = {
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: {
        "bom-ref": `vernemq@${version}`,
        type: "application",
        name: "vernemq",
        version,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components,
    dependencies: [
      { ref: `vernemq@${version}`, dependsOn: components.map((component) => component["bom-ref"]) },
    ],
  };
  return `${JSON.stringify(
    { bomFormat: "CycloneDX", specVersion: "1.5", serialNumber: serialNumber(body), version: 1, ...body },
    null,
    2,
  )}\n`;
}

function hashesOf(integrity: string | undefined): { alg: string; content: string }[] {
  const hash = integrity?.startsWith("sha512-") ? integrity.slice("sha512-".length) : undefined;
  return hash === undefined ? [] : [{ alg: "SHA-512", content: Buffer.from(hash, "base64").toString("hex") }];
}

/** A name of the contents, in the form of a UUID of version 8. */
function serialNumber(body: object): string {
  const hex = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
