/**
 * Finds the cycles of a directed graph: one per strongly connected component, as the list of nodes
 * along it, beginning with its first node in alphabetical order.
 */
export function findCycles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const nodes = [...graph.keys()].sort();
  const settled = new Set<string>();
  const cycles: string[][] = [];
  for (const node of nodes) {
    if (settled.has(node)) continue;
    const cycle = shortestWayBack(graph, node, settled);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const member of component(graph, node)) settled.add(member);
  }
  return cycles;
}

function shortestWayBack(
  graph: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
  settled: ReadonlySet<string>,
): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (const node of waiting) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) return wayTo(node, start, cameFrom);
      if (settled.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      waiting.push(next);
    }
  }
  return undefined;
}

function wayTo(node: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [node];
  for (let step = node; step !== start; ) {
    step = cameFrom.get(step) ?? start;
    way.unshift(step);
  }
  return way;
}

/** All nodes that are reachable from `start` and reach it. */
function component(graph: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[] {
  const reverse = new Map<string, Set<string>>();
  for (const [node, targets] of graph) {
    for (const target of targets) {
      const sources = reverse.get(target) ?? new Set();
      reverse.set(target, sources.add(node));
    }
  }
  const forward = reachable(graph, start);
  return [...reachable(reverse, start)].filter((node) => forward.has(node));
}

function reachable(graph: ReadonlyMap<string, ReadonlySet<string>>, start: string): Set<string> {
  const seen = new Set([start]);
  for (const node of seen) for (const next of graph.get(node) ?? []) seen.add(next);
  return seen;
}
