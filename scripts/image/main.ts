/** npm run image [-- --arm64 TREE] [--output DIRECTORY]: container images of the built release. See RELEASING.md. */

import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { VERSION } from "../../src/config/version.ts";
import { commit } from "../build/commit.ts";
import { makeImages } from "./image.ts";

const root = dirname(dirname(import.meta.dirname));
const { values } = parseArgs({
  options: { amd64: { type: "string" }, arm64: { type: "string" }, output: { type: "string" } },
});

const built = join(root, "_build/default/rel/vernemq");
const {
  amd64 = process.arch === "x64" ? built : undefined,
  arm64 = process.arch === "arm64" ? built : undefined,
} = values;
try {
  const archives = await makeImages({
    trees: { ...(amd64 !== undefined && { amd64 }), ...(arm64 !== undefined && { arm64 }) },
    version: VERSION,
    ...commit(root),
    output: values.output ?? join(root, "_build/images"),
    scratch: join(root, "_build/scratch-image"),
  });
  for (const { file, size, unpacked } of archives) {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    console.log(`${relative(root, file)}: ${megabytes(size)} MB, ${megabytes(unpacked)} MB unpacked`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
