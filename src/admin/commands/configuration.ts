import { type Command, CommandError, type Flag, type Invocation } from "../command.ts";
import { alert, type Element, table, text } from "../element.ts";
import type { ConfigurationPort, NodePort } from "../ports.ts";

const NODE_FLAGS: readonly Flag[] = [
  { name: "node", short: "n", value: "node", help: "on that node" },
  { name: "all", short: "a", help: "on all nodes" },
];

/** Refuses a node that is not a running member. */
function checkNode({ flags }: Invocation, node: NodePort): void {
  if (!flags.has("node")) return;
  const wanted = flags.get("node");
  if (wanted === node.name) return;
  throw new CommandError(wanted === undefined ? "Invalid node name" : `Target node is down: ${wanted}`);
}

function checkKnown(keys: Iterable<string>, configuration: ConfigurationPort): void {
  const unknown = [...keys].filter((key) => !configuration.isKnown(key));
  if (unknown.length === 0) return;
  const lines = [`Invalid config keys: ${unknown.join(" ")}`];
  for (const key of unknown) {
    const nearest = configuration.nearest(key);
    if (nearest.length > 0) lines.push(`  ${key}: did you mean ${nearest.join(" or ")}?`);
  }
  throw new CommandError(lines.join("\n"));
}

/** `set key=value...`. */
export function setCommand(configuration: ConfigurationPort, node: NodePort): Command {
  return {
    path: ["set"],
    summary: "Changes settings of the running node until the next restart.",
    anyKeys: true,
    flags: NODE_FLAGS,
    offers: () =>
      [...configuration.keys()].filter((key) => configuration.isSettable(key)).map((key) => `${key}=`),
    run: (invocation): Element[] => {
      const { keys, flags } = invocation;
      if (keys.size === 0) {
        return [alert("Usage: vmq-admin set <variable>=<value> ... [[--node | -n] <node> | --all]")];
      }
      checkNode(invocation, node);
      checkKnown(keys.keys(), configuration);
      const fixed = [...keys.keys()].filter((key) => !configuration.isSettable(key));
      if (fixed.length > 0) {
        throw new CommandError(`The following config keys are not settable: ${JSON.stringify(fixed)}`);
      }
      const refusals = configuration.set(keys);
      if (refusals.length > 0) throw new CommandError(`Invalid configuration: ${refusals.join("\n")}`);
      const results = [...keys].map(([key, value]) => `${key} set to "${value}"`);
      if (!flags.has("all")) return results.map(text);
      return [
        text("Setting config across the cluster"),
        table(["Node", "Node Down/Unreachable", "Result"], [[node.name, false, results.join("\n")]]),
      ];
    },
  };
}

/** `show key...`. */
export function showCommand(configuration: ConfigurationPort, node: NodePort): Command {
  return {
    path: ["show"],
    summary: "Shows the current value of settings.",
    words: "<key>...",
    flags: NODE_FLAGS,
    offers: () => configuration.keys(),
    run: (invocation): Element[] => {
      const keys = [...new Set(invocation.words)];
      if (keys.length === 0) {
        return [alert("Usage: vmq-admin show <variable> ... [[--node | -n] <node> | --all]")];
      }
      checkNode(invocation, node);
      checkKnown(keys, configuration);
      return [table(["node", ...keys], [[node.name, ...keys.map((key) => configuration.value(key))]])];
    },
  };
}

/** `describe key...`. */
export function describeCommand(configuration: ConfigurationPort): Command {
  return {
    path: ["describe"],
    summary: "Shows what settings mean.",
    words: "<key>...",
    offers: () => configuration.keys(),
    run: ({ words }): Element[] => {
      if (words.length === 0) return [alert("Usage: vmq-admin describe <variable> ...")];
      checkKnown(words, configuration);
      return words.map((key) => {
        const body = configuration.describe(key).trimEnd().split("\n");
        return text(`${key}:\n${body.map((line) => `  ${line}`.trimEnd()).join("\n")}\n`);
      });
    },
  };
}
