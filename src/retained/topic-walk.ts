import type { RetainedRecords } from "./retained-records.ts";
import { type Branch, NONE, type TopicNode, type TopicTree } from "./topic-tree.ts";

/** There is nothing more. */
export const END = -2;

/** In place of a filter level: everything below matches. */
const ALL = -1;

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

interface Frame {
  readonly branches: Iterator<Branch>;
  /** The filter level that the children of these branches are held against. */
  readonly level: number;
}

/**
 * A walk over the topics that match a filter, one small step at a time, while the tree may change between the steps:
 * a topic that is there all the time is met exactly once, one that comes or goes meanwhile at most once. (Maps are
 * read by their own iterators, which promise that; a node that is taken out of the tree had no topics left.)
 */
export class TopicWalk {
  private readonly records: RetainedRecords;
  private readonly levels: readonly string[];
  private readonly filter: Buffer;
  private readonly frames: Frame[] = [];
  private start: TopicNode | null;

  /** `filter` is valid and without `$share`; null walks over all topics, those that start with `$` too. */
  constructor(tree: TopicTree, records: RetainedRecords, filter: string | null) {
    this.records = records;
    this.levels = filter === null ? [] : filter.split("/");
    this.filter = Buffer.from(filter ?? "");
    this.start = null;
    const first = this.levels[0];
    if (filter === null) this.frames.push({ branches: branchesOf(tree.root), level: ALL });
    // A wildcard at the first level does not match topics that start with `$` [MQTT-4.7.2-1].
    else if (first === "#") this.frames.push({ branches: unreservedBranchesOf(tree.root), level: ALL });
    else if (first === "+") this.frames.push({ branches: unreservedBranchesOf(tree.root), level: 1 });
    else this.start = tree.root;
  }

  /** The address of a matching topic's record; NONE when this step found none; END after the last. */
  step(): number {
    if (this.start !== null) {
      const { start } = this;
      this.start = null;
      return this.visit(start, 0);
    }
    const frame = this.frames[this.frames.length - 1];
    if (frame === undefined) return END;
    const result = frame.branches.next();
    if (result.done === true) {
      this.frames.pop();
      return NONE;
    }
    return this.visit(result.value, frame.level);
  }

  /** Looks at one branch; what is below it becomes a frame. */
  private visit(from: Branch, fromLevel: number): number {
    let branch = from;
    let level = fromLevel;
    while (typeof branch !== "number") {
      const wanted = level === ALL ? "#" : this.levels[level];
      if (wanted === undefined) return branch.address;
      if (wanted === "#") {
        this.frames.push({ branches: branchesOf(branch), level: ALL });
        return branch.address;
      }
      level++;
      if (wanted === "+") {
        this.frames.push({ branches: branchesOf(branch), level });
        return NONE;
      }
      branch = branch.get(wanted);
    }
    return branch === NONE || level === ALL || this.matches(branch) ? branch : NONE;
  }

  /** Holds the whole topic of a record against the whole filter; the rule about `$` has been applied before. */
  private matches(address: number): boolean {
    const { filter } = this;
    const record = this.records.open(address);
    const topic = record.buffer;
    const end = record.bodyStart;
    let t = record.topicStart;
    let f = 0;
    for (;;) {
      // Both stand at the beginning of a level, or one behind their end when no level is left.
      if (f > filter.length) return t > end;
      const first = filter[f];
      if (first === HASH) return true;
      if (t > end) return false;
      if (first === PLUS) {
        f += 2;
        while (t < end && topic[t] !== SLASH) t++;
        t++;
        continue;
      }
      while (f < filter.length && filter[f] !== SLASH && t < end && topic[t] === filter[f]) {
        f++;
        t++;
      }
      const filterEnds = f === filter.length || filter[f] === SLASH;
      const topicEnds = t === end || topic[t] === SLASH;
      if (!filterEnds || !topicEnds) return false;
      f++;
      t++;
    }
  }
}

/**
 * False when the levels of a filter before its first wildcard say that it matches no topic: that costs much less than a
 * walk, and is so for most of the filters of most clients.
 */
export function mayMatch(tree: TopicTree, filter: string): boolean {
  let branch: Branch = tree.root;
  for (let start = 0; typeof branch !== "number"; ) {
    const slash = filter.indexOf("/", start);
    const word = slash === -1 ? filter.slice(start) : filter.slice(start, slash);
    if (word === "+" || word === "#") return true;
    branch = branch.get(word);
    if (slash === -1) break;
    start = slash + 1;
  }
  return branch !== NONE;
}

function branchesOf(node: TopicNode): Iterator<Branch> {
  return node.children !== null ? node.children.values() : laterBranchesOf(node);
}

/** Reads the node when the first branch is asked for: it may have got a Map by then. */
function* laterBranchesOf(node: TopicNode): Generator<Branch> {
  if (node.children !== null) yield* node.children.values();
  else if (node.word !== null) yield node.child;
}

function* unreservedBranchesOf(node: TopicNode): Generator<Branch> {
  if (node.children !== null) {
    for (const [word, branch] of node.children) if (!word.startsWith("$")) yield branch;
  } else if (node.word !== null && !node.word.startsWith("$")) {
    yield node.child;
  }
}
