import type { Metrics } from "../../metrics/metrics.ts";
import type { Command } from "../command.ts";
import { type Element, table } from "../element.ts";
import type { NodePort } from "../ports.ts";

/** `cluster show`. */
export function clusterShow(node: NodePort): Command {
  return {
    path: ["cluster", "show"],
    summary: "Shows the members of the cluster.",
    run: (): Element[] => [
      table(
        ["Node", "Running"],
        Array.from(node.members(), ({ name, running }) => [name, running]),
      ),
    ],
  };
}

/** `node status`. */
export function nodeStatus(node: NodePort, metrics: Metrics): Command {
  return {
    path: ["node", "status"],
    summary: "Shows the state of this node in numbers.",
    run: (): Element[] => {
      const online = metrics.total("total_active_connections");
      return [
        table(
          ["Status", "Value"],
          [
            ["num_online", online],
            ["num_offline", Math.max(0, metrics.total("queue_processes") - online)],
            ["msg_in", metrics.total("mqtt_publish_received")],
            ["msg_out", metrics.total("mqtt_publish_sent")],
            ["queue_in", metrics.total("queue_message_in")],
            ["queue_out", metrics.total("queue_message_out")],
            ["queue_drop", metrics.total("queue_message_drop")],
            ["queue_unhandled", metrics.total("queue_message_unhandled")],
            ["num_subscriptions", metrics.total("router_subscriptions")],
            ["num_retained", metrics.total("retain_messages")],
            ["matches_local", metrics.total("router_matches_local")],
            ["matches_remote", metrics.total("router_matches_remote")],
            ["version", node.version],
          ],
        ),
      ];
    },
  };
}
