import type { HttpAnswer, HttpModule } from "../http-module.ts";
import type { NodeView } from "../node-view.ts";

const OK = json(200, { status: "OK" });

/**
 * `vmq_health_http`: whether the node is well. `/health` is for whoever sends clients here (readiness): it is down too
 * while the node sheds load or its store refuses writes. `/health/ping` says that the process answers at all (liveness).
 */
export function healthModule(node: NodeView): HttpModule {
  return {
    name: "vmq_health_http",
    routes: [
      { path: "/health/ping", answer: () => OK },
      {
        path: "/health",
        answer: () => {
          const reasons = [...membership(node), ...unreadyListeners(node), ...node.health.problems];
          return reasons.length === 0 ? OK : json(503, { status: "DOWN", reasons });
        },
      },
      {
        path: "/health/listeners",
        answer: () => {
          const [reason] = unreadyListeners(node);
          return reason === undefined ? OK : json(503, { status: "DOWN", reason });
        },
      },
      {
        path: "/health/listeners_full_cluster",
        answer: () => {
          const offline = Array.from(node.members()).some(({ running }) => !running);
          const reasons = [...(offline ? ["At least one node is offline"] : []), ...unreadyListeners(node)];
          return reasons.length === 0 ? OK : json(503, { status: "DOWN", reasons });
        },
      },
    ],
  };
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

/** Other nodes do not matter: whoever asks this one wants to know of this one. */
function membership({ name, members }: NodeView): readonly string[] {
  return Array.from(members()).some((member) => member.name === name) ? [] : ["Node has not joined cluster"];
}

function unreadyListeners(node: NodeView): readonly string[] {
  const unready = Array.from(node.listeners()).filter(({ running }) => !running);
  const types = [...new Set(unready.map(({ type }) => type))];
  return types.length === 0 ? [] : [`Listeners are not ready: [${types.join(",")}]`];
}
