import type { Platform } from "../build/platform.ts";
import type { ReleaseTree } from "../build/release-tree.ts";

/** What every artifact is made from. */
export interface ReleaseContext {
  readonly root: string;
  readonly version: string;
  /** The commit, empty outside of git. */
  readonly revision: string;
  /** Seconds: the time of the commit, and of everything in an artifact. */
  readonly epoch: number;
  readonly trees: readonly BuiltTree[];
  /** Where the artifacts go. */
  readonly output: string;
  /** For what is needed on the way; removed at the end. */
  readonly scratch: string;
}

export interface BuiltTree extends ReleaseTree {
  readonly platform: Platform;
}

/** A kind of artifact. A step that can do nothing with the trees there are makes nothing. */
export interface ReleaseStep {
  readonly name: string;
  /** Makes the artifacts in `context.output` and returns their names. The same trees give the same bytes. */
  make(context: ReleaseContext): Promise<readonly string[]>;
}
