import type { HttpModule, HttpRequest } from "../http-module.ts";
import type { NodeView } from "../node-view.ts";
import { prometheusText } from "./prometheus-text.ts";

/** The text format of Prometheus; without the version a reader would have to guess. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";
const ACCEPTABLE: readonly string[] = ["text/plain", "text/*", "*/*"];

/** `vmq_metrics_http`: all metrics for Prometheus, at `/metrics`. */
export function metricsModule(node: NodeView): HttpModule {
  return {
    name: "vmq_metrics_http",
    routes: [
      {
        path: "/metrics",
        methods: ["HEAD", "GET", "OPTIONS"],
        answer: (request) =>
          accepts(request)
            ? { status: 200, type: TYPE, body: prometheusText(node.metrics, node.metricPrefix, node.name) }
            : { status: 406 },
      },
    ],
  };
}

/** Whether plain text is among what the client takes. Whoever says nothing takes everything. */
function accepts({ headers }: HttpRequest): boolean {
  const { accept } = headers;
  if (accept === undefined) return true;
  return accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return ACCEPTABLE.includes(type) && !parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter));
  });
}
