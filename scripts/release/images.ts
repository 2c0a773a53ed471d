import { basename, join } from "node:path";
import { makeImages } from "../image/image.ts";
import type { BuiltTree, ReleaseStep } from "./step.ts";

/** Container images of the Linux trees: one archive for `docker load` each, and one OCI archive with all of them. */
export const images: ReleaseStep = {
  name: "images",
  async make({ trees, version, revision, epoch, output, scratch }) {
    const treeOf = (arch: string): BuiltTree | undefined =>
      trees.find(({ platform }) => platform.platform === "linux" && platform.arch === arch);
    const [amd64, arm64] = [treeOf("x64")?.directory, treeOf("arm64")?.directory];
    if (amd64 === undefined && arm64 === undefined) return [];
    const made = await makeImages({
      trees: { ...(amd64 !== undefined && { amd64 }), ...(arm64 !== undefined && { arm64 }) },
      version,
      revision,
      epoch,
      output,
      scratch: join(scratch, "images"),
    });
    return made.map(({ file }) => basename(file));
  },
};
