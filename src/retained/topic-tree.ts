import { WordTable } from "../routing/word-table.ts";
import type { RetainedRecords, TopicName } from "./retained-records.ts";

/** No record. */
export const NONE = -1;

/**
 * What hangs below one level: a subtree, or, as long as only one topic goes through there, the address of that
 * topic's record at once (its remaining levels stand in the record).
 */
export type Branch = TopicNode | number;

/** The topics that share their first levels. */
export class TopicNode {
  /** The record of the topic that ends here, or NONE. */
  address: number;
  /** The only child, as long as there is one only. */
  word: string | null;
  child: Branch;
  children: Map<string, Branch> | null;

  constructor() {
    this.address = NONE;
    this.word = null;
    this.child = NONE;
    this.children = null;
  }

  get(word: string): Branch {
    if (this.children !== null) return this.children.get(word) ?? NONE;
    return this.word === word ? this.child : NONE;
  }

  /** `word` has been made fit to be kept when it is new. */
  set(word: string, branch: Branch): void {
    if (this.children !== null) {
      this.children.set(word, branch);
    } else if (this.word === null || this.word === word) {
      this.word ??= word;
      this.child = branch;
    } else {
      this.children = new Map<string, Branch>([
        [this.word, this.child],
        [word, branch],
      ]);
      this.word = null;
      this.child = NONE;
    }
  }

  delete(word: string): void {
    if (this.children !== null) {
      this.children.delete(word);
      if (this.children.size === 0) this.children = null;
    } else if (this.word === word) {
      this.word = null;
      this.child = NONE;
    }
  }

  get empty(): boolean {
    return this.address === NONE && this.word === null && this.children === null;
  }
}

/** The topics with retained messages: names to addresses of records, and the order that wildcards are read in. */
export class TopicTree {
  readonly root = new TopicNode();
  private readonly records: RetainedRecords;
  private readonly words = new WordTable();
  private topics = 0;

  constructor(records: RetainedRecords) {
    this.records = records;
  }

  /** Number of topics. */
  get count(): number {
    return this.topics;
  }

  /** Gives a topic a record; the address of the one it had, or NONE. */
  put(topic: TopicName, address: number): number {
    const { text } = topic;
    let node = this.root;
    for (let start = 0, level = 0; start <= text.length; level++) {
      const slash = text.indexOf("/", start);
      const end = slash < 0 ? text.length : slash;
      const word = text.slice(start, end);
      start = end + 1;
      const branch = node.get(word);
      if (branch === NONE) {
        node.set(this.words.keep(word), address);
        this.topics++;
        return NONE;
      }
      if (typeof branch === "number") {
        if (this.records.hasTopic(branch, topic)) {
          node.set(word, address);
          return branch;
        }
        const inner = new TopicNode();
        const below = this.records.topicText(branch).split("/")[level + 1];
        if (below === undefined) inner.address = branch;
        else inner.set(this.words.keep(below), branch);
        node.set(word, inner);
        node = inner;
      } else {
        node = branch;
      }
    }
    const previous = node.address;
    node.address = address;
    if (previous === NONE) this.topics++;
    return previous;
  }

  /** Takes a topic out, with the nodes that only it needed; the address of its record, or NONE. */
  delete(topic: TopicName): number {
    const levels = topic.text.split("/");
    const path: TopicNode[] = [];
    let node = this.root;
    let address = NONE;
    for (const word of levels) {
      const branch = node.get(word);
      if (typeof branch === "number") {
        if (branch === NONE || !this.records.hasTopic(branch, topic)) return NONE;
        node.delete(word);
        address = branch;
        break;
      }
      path.push(node);
      node = branch;
    }
    if (address === NONE) {
      address = node.address;
      if (address === NONE) return NONE;
      node.address = NONE;
    }
    this.topics--;
    for (let level = path.length - 1; level >= 0 && node.empty; level--) {
      const parent = path[level];
      if (parent === undefined) break;
      parent.delete(levels[level] ?? "");
      node = parent;
    }
    return address;
  }
}
