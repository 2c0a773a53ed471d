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

class FilterNode {
  /** The filter that ends here. */
  here: Subscribers | null;
  /** The filter that goes on with `#` from here. */
  rest: Subscribers | null;
  plus: Branch | null;
  /** The only named child, as long as there is one only. */
  word: string | null;
  child: Branch | null;
  children: Map<string, Branch> | null;

  constructor() {
    this.here = null;
    this.rest = null;
    this.plus = null;
    this.word = null;
    this.child = null;
    this.children = null;
  }

  get(word: string): Branch | undefined {
    if (this.children !== null) return this.children.get(word);
    return this.word === word && this.child !== null ? this.child : undefined;
  }

  /** `word` has been made fit to be kept when it is new. */
  set(word: string, branch: Branch): void {
    if (this.children !== null) {
      this.children.set(word, branch);
    } else if (this.word === null || this.child === null || this.word === word) {
      this.word ??= word;
      this.child = branch;
    } else {
      this.children = new Map<string, Branch>([
        [this.word, this.child],
        [word, branch],
      ]);
      this.word = null;
      this.child = null;
    }
  }

  delete(word: string): void {
    if (this.children !== null) {
      this.children.delete(word);
      if (this.children.size === 0) this.children = null;
    } else if (this.word === word) {
      this.word = null;
      this.child = null;
    }
  }

  /** Whether anything goes on with a named level. */
  get named(): boolean {
    return this.child !== null || this.children !== null;
  }

  get empty(): boolean {
    return this.here === null && this.rest === null && this.plus === null && !this.named;
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

/** The filters with wildcards of one mountpoint. Filters are valid when they come here. */
export class FilterTrie {
  private root = new FilterNode();
  private readonly words = new WordTable();
  // The topic of the match that is going on.
  private topic = "";
  private found = new Matches();

  /** The subscribers of a filter, or undefined. */
  get(filter: string): Subscribers | undefined {
    let node = this.root;
    for (let at = 0; ; ) {
      const next = nextLevel(filter, at);
      const word = filter.slice(at, next - 1);
      if (word === "#") return node.rest ?? undefined;
      const branch = word === "+" ? node.plus : node.get(word);
      if (branch === null || branch === undefined) return undefined;
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
      const word = filter.slice(at, next - 1);
      if (word === "#") {
        node.rest ??= new Subscribers(filter, filter.length + 1);
        return node.rest;
      }
      const branch = word === "+" ? node.plus : (node.get(word) ?? null);
      if (branch === null) {
        const leaf = new Subscribers(filter, next);
        if (word === "+") node.plus = leaf;
        else node.set(this.words.keep(word), leaf);
        return leaf;
      }
      if (branch instanceof Subscribers) {
        if (branch.filter === filter) return branch;
        const inner = new FilterNode();
        this.pushDown(inner, branch);
        if (word === "+") node.plus = inner;
        else node.set(word, inner);
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
    const words: string[] = [];
    let node = this.root;
    for (let at = 0; ; ) {
      const next = nextLevel(filter, at);
      const word = filter.slice(at, next - 1);
      if (word === "#") {
        node.rest = null;
        break;
      }
      const branch = word === "+" ? node.plus : node.get(word);
      if (branch === null || branch === undefined) return;
      if (branch instanceof Subscribers) {
        if (branch.filter !== filter) return;
        if (word === "+") node.plus = null;
        else node.delete(word);
        break;
      }
      path.push(node);
      words.push(word);
      node = branch;
      if (next > filter.length) {
        node.here = null;
        break;
      }
      at = next;
    }
    for (let i = path.length - 1; i >= 0 && node.empty; i--) {
      const parent = path[i];
      const word = words[i];
      if (parent === undefined || word === undefined) return;
      if (word === "+") parent.plus = null;
      else parent.delete(word);
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
    const branch = root.get(topic.slice(0, next - 1));
    if (branch !== undefined) this.enter(branch, next);
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
    if (!branch.named) return;
    const named = branch.get(topic.slice(at, next - 1));
    if (named !== undefined) this.enter(named, next);
  }

  /** Puts a leaf one level further down, below `node`, which is empty. */
  private pushDown(node: FilterNode, leaf: Subscribers): void {
    const { filter, tail } = leaf;
    if (tail > filter.length) {
      node.here = leaf;
      return;
    }
    const next = nextLevel(filter, tail);
    const word = filter.slice(tail, next - 1);
    leaf.tail = next;
    if (word === "#") node.rest = leaf;
    else if (word === "+") node.plus = leaf;
    else node.set(this.words.keep(word), leaf);
  }
}
