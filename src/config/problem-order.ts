import type { Problem } from "./problem.ts";

/** The problems in the order in which the files were read; what no file says comes last. */
export function inOrder(problems: readonly Problem[], files: readonly string[]): readonly Problem[] {
  const rank = ({ place }: Problem): readonly [number, number] => {
    if (place === undefined) return [files.length + 1, 0];
    const file = place.source === undefined ? files.indexOf(place.file) : -1;
    return [file < 0 ? files.length : file, place.line];
  };
  return problems.toSorted((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
}
