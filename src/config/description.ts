import type { OptionFacts } from "./option.ts";

/** What an option does, with its unit, and whether that is so in this version, as one paragraph. */
export function describeOption(option: OptionFacts): string {
  const sentences = [option.doc];
  if (option.unit !== undefined) sentences.push(`Unit: ${option.unit}.`);
  const status = option.status;
  if (status?.kind === "later") sentences.push(`Not in effect yet: this version lacks ${status.part}.`);
  if (status?.kind === "accepted") sentences.push(`Accepted without effect: ${status.why}.`);
  return sentences.join(" ");
}
