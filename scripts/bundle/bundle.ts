import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build, type Plugin, transform } from "esbuild";

const root = dirname(dirname(import.meta.dirname));

/** The native part of LevelDB, a file beside the bundle and an asset of the executable. */
const ADDON = "classic-level.node";

/** Modules are strict without saying so. */
const STRICT = '"use strict";';

const IMPORT_OF_PART = /\bimport\(("\.\/[\w-]+\.js")\)/g;
const IMPORT = /\bimport\(/g;

/** What parts need that have a use for it. */
const BANNERS = [
  { use: /\bbundleUrl\b/, line: 'const bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  // Inside the executable only its first file can import what is outside: see build/executable-main.cjs.
  {
    use: /\bimport\((?!"\.\/)/,
    line: "const importOutside = require.outside ?? ((address) => import (address));",
  },
];

export interface Bundle {
  /** The bundled program: what starts, and loads the other parts when they are needed. */
  readonly file: string;
  /** The other parts, beside `file`, sorted. */
  readonly parts: readonly string[];
  /** How many source files went in. */
  readonly inputs: number;
  /** The folders of the npm packages of which something went in (`node_modules/commander`), sorted. */
  readonly packages: readonly string[];
  readonly bytes: number;
}

/**
 * Bundles a program into `directory`/main.js and a part for all that is imported only when it is needed, for the
 * platform this runs on. CommonJS, because that is what a single executable can hold; the native add-on goes beside it.
 *
 * @throws {Error} when a file does not build or the add-on is not built for this platform
 */
export async function buildBundle(entry: string, directory: string): Promise<Bundle> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "main.js");
  // Only modules can be split.
  const { metafile, outputFiles } = await build({
    entryPoints: { main: entry },
    // What the bundle says about where its parts come from begins here, and not at some machine's folder.
    absWorkingDir: root,
    outdir: directory,
    bundle: true,
    splitting: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node24",
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
    define: {
      "import.meta.filename": "__filename",
      "import.meta.dirname": "__dirname",
      "import.meta.url": "bundleUrl",
    },
    plugins: [addonOfRelease, childProcessOnDemand],
  });
  let bytes = 0;
  for (const { path, text } of outputFiles) {
    const code = await commonJs(text, basename(path));
    writeFileSync(path, code);
    bytes += code.length;
  }
  // The nearest package.json above may say that .js files are modules.
  writeFileSync(join(directory, "package.json"), '{ "type": "commonjs" }\n');
  const inputs = Object.keys(metafile.inputs);
  if (inputs.some((input) => input.includes("node_modules/classic-level/"))) {
    copyFileSync(addonOf(process.platform, process.arch), join(directory, ADDON));
  }
  const parts = outputFiles.map(({ path }) => path).filter((path) => path !== file);
  return { file, parts: parts.sort(), inputs: inputs.length, packages: packagesOf(inputs), bytes };
}

/** A part as CommonJS. */
async function commonJs(text: string, name: string): Promise<string> {
  const { code } = await transform(text, {
    format: "cjs",
    platform: "node",
    target: "node24",
    sourcefile: name,
    legalComments: "none",
    logLevel: "warning",
    banner: [STRICT, ...BANNERS.filter(({ use }) => use.test(text)).map(({ line }) => line)].join("\n"),
  });
  return code
    .replaceAll(IMPORT_OF_PART, "Promise.resolve().then(() => require($1))")
    .replaceAll(IMPORT, "importOutside(");
}

function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.map((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/** classic-level searches its add-on in the folders of its package, which are not there when the bundle runs. */
const addonOfRelease: Plugin = {
  name: "addon-of-release",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]classic-level[\\/]binding\.js$/ }, () => ({
      loader: "js",
      resolveDir: join(root, "src/embedded"),
      contents: 'module.exports = require("./native-addon.ts").binding();',
    }));
  },
};

/** commander starts other programs only for commands that are programs of their own, of which there are none here. */
const childProcessOnDemand: Plugin = {
  name: "child-process-on-demand",
  setup({ onResolve, onLoad }) {
    const namespace = "on-demand";
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]node_modules[\\/]commander[\\/]/.test(importer)
        ? { path: "child_process", namespace }
        : undefined,
    );
    onLoad({ filter: /./, namespace }, () => ({
      contents: 'exports.spawn = (...words) => require("node:child_process").spawn(...words);',
    }));
  },
};

/** The file of classic-level for a platform, from its package. */
export function addonOf(platform: string, arch: string): string {
  const prebuilds = join(root, "node_modules/classic-level/prebuilds");
  // macOS has one file for both architectures.
  const folders = [`${platform}-${arch}`, `${platform}-x64+arm64`].map((folder) => join(prebuilds, folder));
  const folder = folders.find((candidate) => existsSync(candidate));
  const file = folder && readdirSync(folder).find((name) => name.endsWith(".node") && !name.includes("musl"));
  if (!folder || !file) throw new Error(`classic-level has no add-on for ${platform}-${arch}`);
  return join(folder, file);
}
