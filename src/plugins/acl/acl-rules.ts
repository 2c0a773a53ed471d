import type { SessionIdentity } from "../../plugin/hook.ts";
import { parseTopicFilter, topicLevels } from "../../plugin/topics.ts";
import { RuleTree } from "./rule-tree.ts";

/** The filters of one section of the file. */
interface Section {
  /** What may be subscribed to. */
  readonly read: RuleTree;
  /** What may be published to. */
  readonly write: RuleTree;
}

export type Access = "read" | "write" | "both";

function section(withVariables = false): Section {
  return { read: new RuleTree(withVariables), write: new RuleTree(withVariables) };
}

function addTo(target: Section, access: Access, filter: string): void {
  if (access !== "write") target.read.add(filter);
  if (access !== "read") target.write.add(filter);
}

/** The rules of one ACL file. Rules only ever allow; what no rule allows is left to other plugins, and then refused. */
export class AclRules {
  readonly #everyone = section();
  readonly #patterns = section(true);
  readonly #users = new Map<string, Section>();

  /** Adds a `topic` rule for everyone (user null) or for one user. */
  addTopic(user: string | null, access: Access, filter: string): void {
    if (user === null) {
      addTo(this.#everyone, access, filter);
      return;
    }
    let rules = this.#users.get(user);
    if (rules === undefined) {
      rules = section();
      this.#users.set(user, rules);
    }
    addTo(rules, access, filter);
  }

  /** Adds a `pattern` rule, for everyone, with `%u`, `%c` and `%m`. */
  addPattern(access: Access, filter: string): void {
    addTo(this.#patterns, access, filter);
  }

  /** Whether a rule allows publishing to a topic name. */
  mayPublish(identity: SessionIdentity, topic: string): boolean {
    if (this.#everyone.write.coversEverything) return true;
    const levels = topicLevels(topic);
    const allows = ({ write }: Section) => write.covers(levels, identity);
    return this.#some(identity, allows);
  }

  /**
   * Whether one rule allows everything that a subscription to `filter` could receive. `$share/group/filter` is judged
   * as `filter`; a rule written with the full text allows it too.
   */
  maySubscribe(identity: SessionIdentity, filter: string): boolean {
    const parsed = parseTopicFilter(filter);
    if (typeof parsed === "string") return false;
    const levels = topicLevels(parsed.topicFilter);
    if (this.#some(identity, ({ read }) => read.covers(levels, identity))) return true;
    if (parsed.group === undefined) return false;
    const full = topicLevels(filter);
    return this.#some(identity, ({ read }) => read.coversLiterally(full, identity));
  }

  #some(identity: SessionIdentity, allows: (rules: Section) => boolean): boolean {
    if (allows(this.#everyone)) return true;
    const own = identity.username === null ? undefined : this.#users.get(identity.username);
    return (own !== undefined && allows(own)) || allows(this.#patterns);
  }
}
