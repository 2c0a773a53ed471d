const LATER = "a later version brings it";
const CLUSTER = "this version has one node; a later one brings the cluster";
const ERLANG = "it belongs to the Erlang runtime, which this broker does not use";

/** Commands of VerneMQ that this version does not have, with what there is to say about each. */
const LACKING: ReadonlyMap<string, string> = new Map([
  ["api-key", "API keys come with the HTTP API, in a later version"],
  ["bridge", LATER],
  ["cluster join", CLUSTER],
  ["cluster leave", CLUSTER],
  ["config", ERLANG],
  ["log", `${LATER}; until then the options log.* in vernemq.conf say what is logged`],
  ["node flag_as_init_synced", ERLANG],
  ["node history", ERLANG],
  ["node start", "`vernemq start` starts the broker"],
  ["node stop", "`vernemq stop` stops the broker"],
  ["node swc_sync_status", ERLANG],
  ["node upgrade", ERLANG],
  ["retain delete", `${LATER}; until then publish an empty retained message to the topic`],
  ["retain delete-expired", "the option expire_retain_cache removes expired messages every now and then"],
  ["script", LATER],
  ["session disconnect batch", `${LATER}; until then \`session disconnect client-id=ID\` disconnects one`],
  ["session disconnect clients", `${LATER}; until then \`session disconnect client-id=ID\` disconnects one`],
  ["session unsubscribe", LATER],
  ["trace", LATER],
  ["webhooks", LATER],
  ["webui", LATER],
]);

/** What users of VerneMQ are told about a command of theirs that is not here; undefined for all others. */
export function aboutLacking(words: readonly string[]): string | undefined {
  for (let length = 1; length <= words.length; length++) {
    const path = words.slice(0, length).join(" ");
    const why = LACKING.get(path);
    if (why !== undefined) return `vmq-admin ${path} is not in this version: ${why}.`;
  }
  return undefined;
}
