export { Topic } from "../mqtt/topic.ts";
