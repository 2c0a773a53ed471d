import type { HttpModule } from "./http-module.ts";
import type { ModuleName } from "./module-choice.ts";
import { healthModule } from "./modules/health-module.ts";
import { metricsModule } from "./modules/metrics-module.ts";
import type { NodeView } from "./node-view.ts";

const makers: Readonly<Record<ModuleName, (node: NodeView) => HttpModule>> = {
  vmq_health_http: healthModule,
  vmq_metrics_http: metricsModule,
};

/** Makes the modules of a listener. */
export function makeModules(names: readonly ModuleName[], node: NodeView): readonly HttpModule[] {
  return names.map((name) => makers[name](node));
}
