import { basename, join } from "node:path";
import { makeDeb } from "./package/deb.ts";
import { makeRpm } from "./package/rpm.ts";
import type { ReleaseStep } from "./step.ts";

/** The Debian and RPM packages of the Linux trees. */
export const packages: ReleaseStep = {
  name: "packages",
  make({ root, trees, version, epoch, output, scratch }) {
    const linux = trees.filter(({ platform }) => platform.platform === "linux");
    const made = linux.flatMap(({ directory, platform: { arch } }) => {
      const work = join(scratch, `package-${arch}`);
      const options = {
        root,
        tree: directory,
        arch,
        version,
        epoch,
        work,
        output,
        compression: "small" as const,
      };
      return [makeDeb(options), makeRpm(options)];
    });
    return Promise.resolve(made.map((file) => basename(file)));
  },
};
