import type { SessionIdentity } from "../../plugin/hook.ts";
import { topicLevels } from "../../plugin/topics.ts";

/** A level of a pattern that stands for a name of the client. */
type Variable = "%u" | "%c" | "%m";

class RuleNode {
  readonly literals: Map<string, RuleNode>;
  /** `+` */
  any: RuleNode | null;
  /** `%u`, `%c` and `%m`, of patterns only. */
  readonly variables: { readonly variable: Variable; readonly node: RuleNode }[];
  /** A rule ends here. */
  ends: boolean;
  /** A rule goes on here with `#`: it matches this level's parent and everything below. */
  endsBelow: boolean;

  constructor() {
    this.literals = new Map();
    this.any = null;
    this.variables = [];
    this.ends = false;
    this.endsBelow = false;
  }
}

function isVariable(level: string): level is Variable {
  return level === "%u" || level === "%c" || level === "%m";
}

function nameOf(variable: Variable, identity: SessionIdentity): string | null {
  switch (variable) {
    case "%u":
      return identity.username === "" ? null : identity.username;
    case "%c":
      return identity.subscriberId.clientId;
    case "%m":
      return identity.subscriberId.mountpoint;
  }
}

/**
 * A set of topic filters as a tree of levels. It tells whether one rule covers a topic or a whole filter, which means:
 * matches everything that the filter can match. Unlike in routing, `+` and `#` of a rule match `$` levels too.
 */
export class RuleTree {
  readonly #root: RuleNode;
  readonly #withVariables: boolean;
  #isEmpty: boolean;

  /** `withVariables`: whole levels `%u`, `%c` and `%m` stand for the client's names. */
  constructor(withVariables: boolean) {
    this.#root = new RuleNode();
    this.#withVariables = withVariables;
    this.#isEmpty = true;
  }

  /** Adds a rule; `filter` must be valid. */
  add(filter: string): void {
    this.#isEmpty = false;
    let node = this.#root;
    for (const level of topicLevels(filter)) {
      if (level === "#") {
        node.endsBelow = true;
        return;
      }
      node = this.#child(node, level);
    }
    node.ends = true;
  }

  /** Whether a rule `#` covers every topic name and filter. */
  get coversEverything(): boolean {
    return this.#root.endsBelow;
  }

  /**
   * Whether one rule covers the topic name or filter with these levels. A name of the client only ever equals a whole
   * literal level: one made of wildcards or with a `/` in it matches nothing, and one that starts with `$` does not
   * match at the first level, so that no client names itself into `$SYS` or `$share`.
   */
  covers(levels: readonly string[], identity: SessionIdentity): boolean {
    return !this.#isEmpty && coversFrom(this.#root, levels, 0, identity);
  }

  /** Whether a rule whose first level is literally that of `levels` covers them: for rules on `$share/group/filter`. */
  coversLiterally(levels: readonly string[], identity: SessionIdentity): boolean {
    const first = this.#root.literals.get(levels[0] ?? "");
    return first !== undefined && coversFrom(first, levels, 1, identity);
  }

  #child(node: RuleNode, level: string): RuleNode {
    if (level === "+") {
      node.any ??= new RuleNode();
      return node.any;
    }
    if (this.#withVariables && isVariable(level)) {
      const known = node.variables.find(({ variable }) => variable === level);
      if (known !== undefined) return known.node;
      const added = new RuleNode();
      node.variables.push({ variable: level, node: added });
      return added;
    }
    let child = node.literals.get(level);
    if (child === undefined) {
      child = new RuleNode();
      node.literals.set(level, child);
    }
    return child;
  }
}

function coversFrom(
  node: RuleNode,
  levels: readonly string[],
  index: number,
  identity: SessionIdentity,
): boolean {
  if (node.endsBelow) return true;
  const level = levels[index];
  if (level === undefined) return node.ends;
  if (level === "#") {
    // `#` also asks for its parent, which no rule that goes on with another level covers; but for `#` alone and for `/#`
    // the parent would be the empty name, which is no topic: there `#` means what `+/#` means.
    const noParent = index === 0 || (index === 1 && levels[0] === "");
    return noParent && node.any?.endsBelow === true;
  }
  if (node.any !== null && coversFrom(node.any, levels, index + 1, identity)) return true;
  if (level === "+") return false;
  const literal = node.literals.get(level);
  if (literal !== undefined && coversFrom(literal, levels, index + 1, identity)) return true;
  if (index === 0 && level.startsWith("$")) return false;
  for (const { variable, node: next } of node.variables) {
    if (nameOf(variable, identity) === level && coversFrom(next, levels, index + 1, identity)) return true;
  }
  return false;
}
