import { archives } from "./archives.ts";
import { images } from "./images.ts";
import { packages } from "./packages.ts";
import type { ReleaseStep } from "./step.ts";

/** In the order of making. A new kind of artifact is a module with a step, and a line here. */
export const STEPS: readonly ReleaseStep[] = [archives, packages, images];
