/** What plugins need of topic names and filters; they import from here only. */
export { Topic } from "../mqtt/topic.ts";
export {
  type FilterRefusal,
  filterMatches,
  parseTopicFilter,
  topicLevels,
} from "../mqtt/topic-filter.ts";
