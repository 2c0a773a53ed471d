/** The licences of everything in a release that others have written. */

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** An npm package of which something is in the release. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** As its package.json has it (SPDX). */
  readonly licence: string;
  /** Below the checkout. */
  readonly folder: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** @param folders as `Bundle.packages` has them */
export function thirdParties(root: string, folders: readonly string[]): ThirdParty[] {
  return folders.map((folder) => {
    const manifest: Manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    if (manifest.license === undefined) throw new Error(`${folder}/package.json names no licence`);
    return { name: manifest.name, version: manifest.version, licence: manifest.license, folder };
  });
}

/**
 * The text of share/3rd-party-licenses.txt: each package with its licence files (those of the C++ libraries inside it
 * too), then the runtime's, which holds those of its own parts.
 *
 * @throws {Error} for a package without a licence file
 */
export function licenceText(
  root: string,
  parties: readonly ThirdParty[],
  runtime: { readonly folder: string; readonly version: string },
): string {
  const packages = parties.flatMap(({ name, version, licence, folder }) => {
    const files = licenceFiles(join(root, folder));
    if (files.length === 0) throw new Error(`${folder} holds no licence file`);
    return files.map((file) => {
      // What lies deeper is somebody else's again, under terms of its own.
      const title =
        dirname(file) === "." ? `${name} ${version} (${licence})` : `${name} ${version}, ${dirname(file)}`;
      return section(title, readFileSync(join(root, folder, file), "utf8"));
    });
  });
  const node = section(`Node.js ${runtime.version}`, readFileSync(join(runtime.folder, "LICENSE"), "utf8"));
  return `What is in this release besides VerneMQ itself, and the licences of it.\n\n${[...packages, node].join("\n")}`;
}

function licenceFiles(folder: string): string[] {
  return globSync("**/{LICENSE,LICENCE,COPYING,NOTICE,license,licence}{,.md,.txt,.MIT}", {
    cwd: folder,
    exclude: (name) => name === "node_modules",
  }).sort();
}

function section(title: string, text: string): string {
  const line = "=".repeat(100);
  return `${line}\n${title}\n${line}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
}
