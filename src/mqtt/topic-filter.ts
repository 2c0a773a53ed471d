import { MAXIMUM_TOPIC_LENGTH } from "./topic-name.ts";

/** Why a text is no topic filter. */
export type FilterRefusal =
  /** Empty, or the part after `$share/<group>/` is. */
  | "empty"
  | "too-long"
  /** `#` not alone at the last level, or `+` not alone in its level. */
  | "wildcard"
  /** `$share` without group or filter, or a group name with a wildcard. */
  | "share"
  /** Contains U+0000, or a surrogate that stands alone. */
  | "encoding";

/** A topic filter taken apart. */
export interface TopicFilter {
  /** As given. */
  readonly text: string;
  /** Name of the group of a shared subscription. */
  readonly group: string | undefined;
  /** The filter without `$share/<group>/`. */
  readonly topicFilter: string;
  /** Levels of `text`; `$share` and the group count, as for `topic_max_depth`. */
  readonly depth: number;
}

const SHARE = "$share";

/** The levels of a topic name or of a filter without `$share`; there is always at least one. */
export function topicLevels(text: string): string[] {
  return text.split("/");
}

/** Number of levels of a topic name or filter. */
export function topicDepth(text: string): number {
  let depth = 1;
  for (let at = text.indexOf("/"); at !== -1; at = text.indexOf("/", at + 1)) depth++;
  return depth;
}

/**
 * Takes a topic filter apart and checks it: [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1] to [MQTT-4.7.3-3], and
 * for shared ones [MQTT-4.8.2-1] and [MQTT-4.8.2-2] (the group is one level, not empty and without wildcards, and
 * a filter follows). Does not judge the depth.
 */
export function parseTopicFilter(text: string): TopicFilter | FilterRefusal {
  if (text.length === 0) return "empty";
  if (Buffer.byteLength(text) > MAXIMUM_TOPIC_LENGTH) return "too-long";
  if (text.includes("\0") || !text.isWellFormed()) return "encoding";
  let group: string | undefined;
  let topicFilter = text;
  if (text === SHARE || text.startsWith("$share/")) {
    const groupEnd = text.indexOf("/", SHARE.length + 1);
    if (groupEnd === -1) return "share";
    group = text.slice(SHARE.length + 1, groupEnd);
    if (group === "" || group.includes("+") || group.includes("#")) return "share";
    topicFilter = text.slice(groupEnd + 1);
    if (topicFilter === "") return "share";
  }
  if (!wildcardsInPlace(topicFilter)) return "wildcard";
  return { text, group, topicFilter, depth: topicDepth(text) };
}

/** Whether each `+` fills its level and `#` is alone at the last one. */
function wildcardsInPlace(filter: string): boolean {
  for (let at = 0; at < filter.length; at++) {
    const character = filter.charCodeAt(at);
    if (character !== 0x2b && character !== 0x23) continue;
    if (at > 0 && filter.charCodeAt(at - 1) !== 0x2f) return false;
    const last = at === filter.length - 1;
    if (character === 0x23 ? !last : !last && filter.charCodeAt(at + 1) !== 0x2f) return false;
  }
  return true;
}

/** Whether a filter (without `$share/<group>/`) has a wildcard. */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * Whether a topic name matches a valid filter without `$share/<group>/`. A wildcard at the first level does not
 * match names that start with `$` [MQTT-4.7.2-1]; `a/#` matches `a` too.
 */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  const wanted = topicLevels(filter);
  const levels = topicLevels(topic);
  for (let i = 0; i < wanted.length; i++) {
    const level = wanted[i];
    if (level === "#") return true;
    if (i >= levels.length || (level !== "+" && level !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}
