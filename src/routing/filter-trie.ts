import { type EdgeEnd, EdgeTable, sameText } from "./edge-table.ts";
import { Matches } from "./matches.ts";
import { Subscribers } from "./subscribers.ts";
import { WordTable } from "./word-table.ts";

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/**
 * What hangs below one level: a subtree, or, as long as only one filter goes through there, that filter's
 * subscribers at once (a leaf, whose remaining levels are compared as text).
 */
type Branch = FilterNode | Subscribers;

class FilterNode implements EdgeEnd {
  /** What its named edges begin at in the table. */
  readonly id: number;
  /** The level that leads here; empty for the root and behind `+`. */
  readonly word: string;
  /** The filter that ends here. */
  here: Subscribers | null;
  /** The filter that goes on with `#` from here. */
  rest: Subscribers | null;
  plus: Branch | null;
  /** Number of named edges. */
  named: number;

  constructor(id: number, word: string) {
    this.id = id;
    this.word = word;
    this.here = null;
    this.rest = null;
    this.plus = null;
    this.named = 0;
  }

  isNamed(text: string, start: number, end: number): boolean {
    return sameText(this.word, 0, text, start, end) && this.word.length === end - start;
  }

  get empty(): boolean {
    return this.here === null && this.rest === null && this.plus === null && this.named === 0;
  }
}

/** Where the next level begins after the one at `start`; `text.length + 1` after the last. */
function nextLevel(text: string, start: number): number {
  const slash = text.indexOf("/", start);
  return slash < 0 ? text.length + 1 : slash + 1;
}

/**
 * True when the levels of `filter` from `filterStart` on match those of `topic` from `topicStart` on. A start of
 * length + 1 means that no level is left.
 */
function matchesFrom(filter: string, filterStart: number, topic: string, topicStart: number): boolean {
  let f = filterStart;
  let t = topicStart;
  for (;;) {
    if (f > filter.length) return t > topic.length;
    const first = filter.charCodeAt(f);
    if (first === HASH) return true;
    if (t > topic.length) return false;
    if (first === PLUS) {
      f += 2;
      t = nextLevel(topic, t);
      continue;
    }
    for (;;) {
      const filterEnds = f === filter.length || filter.charCodeAt(f) === SLASH;
      const topicEnds = t === topic.length || topic.charCodeAt(t) === SLASH;
      if (filterEnds || topicEnds) {
        if (filterEnds !== topicEnds) return false;
        break;
      }
      if (filter.charCodeAt(f) !== topic.charCodeAt(t)) return false;
      f++;
      t++;
    }
    f++;
    t++;
  }
}

/** `PLUS` or `HASH` when the level at `at` is one (wildcards fill their level), else anything else. */
function wildcard(filter: string, at: number): number {
  return filter.charCodeAt(at);
}

/** The filters with wildcards of one mountpoint. Filters are valid when they come here. */
export class FilterTrie {
  private readonly root = new FilterNode(0, "");
  private readonly edges = new EdgeTable<Branch>();
  private readonly words = new WordTable();
  private nodes = 1;
  private readonly freeIds: number[] = [];
  // The topic of the match that is going on.
  private topic = "";
  private found = new Matches();

  /** The subscribers of a filter, or undefined. */
  get(filter: string): Subscribers | undefined {
    let node = this.root;
    for (let at = 0; ; ) {
      const next = nextLevel(filter, at);
      const kind = wildcard(filter, at);
      if (kind === HASH) return node.rest ?? undefined;
      const branch = kind === PLUS ? node.plus : this.edges.get(node.id, filter, at, next - 1);
      if (branch === null) return undefined;
      if (branch instanceof Subscribers) return branch.filter === filter ? branch : undefined;
      if (next > filter.length) return branch.here ?? undefined;
      node = branch;
      at = next;
    }
  }

  /** The subscribers of a filter, made (without members) when there are none. */
  obtain(filter: string): Subscribers {
    let node = this.root;
    for (let at = 0; ; ) {
      const next = nextLevel(filter, at);
      const kind = wildcard(filter, at);
      if (kind === HASH) {
        node.rest ??= new Subscribers(filter, filter.length + 1);
        return node.rest;
      }
      const branch = kind === PLUS ? node.plus : this.edges.get(node.id, filter, at, next - 1);
      if (branch === null) {
        const leaf = new Subscribers(filter, next);
        this.put(node, filter, at, leaf);
        return leaf;
      }
      if (branch instanceof Subscribers) {
        if (branch.filter === filter) return branch;
        const word = kind === PLUS ? "" : this.words.keep(filter.slice(at, next - 1));
        const inner = new FilterNode(this.freeIds.pop() ?? this.nodes++, word);
        // In this order: the leaf answers to its old name until it is replaced.
        this.put(node, filter, at, inner);
        this.pushDown(inner, branch);
        node = inner;
      } else {
        node = branch;
      }
      if (next > filter.length) {
        node.here ??= new Subscribers(filter, next);
        return node.here;
      }
      at = next;
    }
  }

  /** Takes a filter out, and the nodes that only it needed. */
  remove(filter: string): void {
    const path: FilterNode[] = [];
    const starts: number[] = [];
    let node = this.root;
    for (let at = 0; ; ) {
      const next = nextLevel(filter, at);
      const kind = wildcard(filter, at);
      if (kind === HASH) {
        node.rest = null;
        break;
      }
      const branch = kind === PLUS ? node.plus : this.edges.get(node.id, filter, at, next - 1);
      if (branch === null) return;
      if (branch instanceof Subscribers) {
        if (branch.filter !== filter) return;
        this.cut(node, filter, at);
        break;
      }
      path.push(node);
      starts.push(at);
      node = branch;
      if (next > filter.length) {
        node.here = null;
        break;
      }
      at = next;
    }
    for (let i = path.length - 1; i >= 0 && node.empty; i--) {
      const parent = path[i];
      const start = starts[i];
      if (parent === undefined || start === undefined) return;
      this.cut(parent, filter, start);
      this.freeIds.push(node.id);
      node = parent;
    }
  }

  /** True when no filter is left. */
  get empty(): boolean {
    return this.root.empty;
  }

  /**
   * Adds the subscribers of all filters that match `topic` to `into`; `reserved` topics (`$…`) are not matched by a
   * wildcard at the first level [MQTT-4.7.2-1].
   */
  match(topic: string, reserved: boolean, into: Matches): void {
    this.topic = topic;
    this.found = into;
    const { root } = this;
    const next = nextLevel(topic, 0);
    if (!reserved) {
      if (root.rest !== null) into.add(root.rest);
      if (root.plus !== null) this.enter(root.plus, next);
    }
    const branch = this.edges.get(root.id, topic, 0, next - 1);
    if (branch !== null) this.enter(branch, next);
  }

  /** Goes on below a branch, with the level of the topic that begins at `at`. */
  private enter(branch: Branch, at: number): void {
    const { topic } = this;
    if (branch instanceof Subscribers) {
      if (matchesFrom(branch.filter, branch.tail, topic, at)) this.found.add(branch);
      return;
    }
    if (branch.rest !== null) this.found.add(branch.rest);
    if (at > topic.length) {
      if (branch.here !== null) this.found.add(branch.here);
      return;
    }
    const next = nextLevel(topic, at);
    if (branch.plus !== null) this.enter(branch.plus, next);
    if (branch.named === 0) return;
    const named = this.edges.get(branch.id, topic, at, next - 1);
    if (named !== null) this.enter(named, next);
  }

  /** Puts a leaf one level further down, below `node`, which is empty. */
  private pushDown(node: FilterNode, leaf: Subscribers): void {
    const { filter, tail } = leaf;
    if (tail > filter.length) {
      node.here = leaf;
      return;
    }
    leaf.tail = nextLevel(filter, tail);
    if (wildcard(filter, tail) === HASH) node.rest = leaf;
    else this.put(node, filter, tail, leaf);
  }

  /** Has the level of `filter` at `at` lead from `node` to `branch`. */
  private put(node: FilterNode, filter: string, at: number, branch: Branch): void {
    if (wildcard(filter, at) === PLUS) node.plus = branch;
    else if (this.edges.set(node.id, filter, at, nextLevel(filter, at) - 1, branch) === null) node.named++;
  }

  /** Has the level of `filter` at `at` lead nowhere from `node`. */
  private cut(node: FilterNode, filter: string, at: number): void {
    if (wildcard(filter, at) === PLUS) node.plus = null;
    else if (this.edges.delete(node.id, filter, at, nextLevel(filter, at) - 1)) node.named--;
  }
}
