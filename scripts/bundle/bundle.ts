import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

const root = dirname(dirname(import.meta.dirname));

/** The native part of LevelDB, a file beside the bundle. */
const ADDON = "classic-level.node";

export interface Bundle {
  /** The bundled program. */
  readonly file: string;
  /** How many source files went in. */
  readonly inputs: number;
  /** The folders of the npm packages of which something went in (`node_modules/commander`), sorted. */
  readonly packages: readonly string[];
  readonly bytes: number;
}

/**
 * Bundles a program into `directory`/main.js, for the platform this runs on. CommonJS, because that is
 * what a single executable can hold; the native add-on goes beside it.
 *
 * @throws {Error} when a file does not build or the add-on is not built for this platform
 */
export async function buildBundle(entry: string, directory: string): Promise<Bundle> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "main.js");
  const { metafile } = await build({
    entryPoints: [entry],
    // What the bundle says about where its parts come from begins here, and not at some machine's folder.
    absWorkingDir: root,
    outfile: file,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
    define: {
      "import.meta.filename": "__filename",
      "import.meta.dirname": "__dirname",
      "import.meta.url": "bundleUrl",
    },
    banner: { js: 'const bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    plugins: [addonBesideBundle],
  });
  // The nearest package.json above may say that .js files are modules.
  writeFileSync(join(directory, "package.json"), '{ "type": "commonjs" }\n');
  const inputs = Object.keys(metafile.inputs);
  if (inputs.some((input) => input.includes("node_modules/classic-level/"))) {
    copyFileSync(addonOf(process.platform, process.arch), join(directory, ADDON));
  }
  return { file, inputs: inputs.length, packages: packagesOf(inputs), bytes: statSync(file).size };
}

function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.map((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/**
 * classic-level searches its add-on in the folders of its package. The executable has it in the release's lib folder,
 * the bundle beside itself.
 */
const addonBesideBundle: Plugin = {
  name: "addon-beside-bundle",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]classic-level[\\/]binding\.js$/ }, () => ({
      loader: "js",
      contents: `
        const { dirname, join } = require("node:path");
        const beside = require("node:sea").isSea() ? join(dirname(dirname(process.execPath)), "lib") : __dirname;
        const addon = { exports: {} };
        process.dlopen(addon, join(process.env.VERNEMQ_LIB_DIR || beside, "${ADDON}"));
        module.exports = addon.exports;`,
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
