import { Admin } from "./admin.ts";
import { describeCommand, setCommand, showCommand } from "./commands/configuration.ts";
import { listenerDelete, listenerRestart, listenerStart, listenerStop } from "./commands/listener-actions.ts";
import { listenerShow } from "./commands/listener-show.ts";
import { metricsReset, metricsShow } from "./commands/metrics.ts";
import { clusterShow, nodeStatus } from "./commands/node.ts";
import { pluginDisable, pluginEnable, pluginShow } from "./commands/plugin.ts";
import { retainShow } from "./commands/retain-show.ts";
import { sessionDisconnect, sessionReauthorize } from "./commands/session-actions.ts";
import { sessionShow } from "./commands/session-show.ts";
import { tlsCheck, tlsClearPemCache, tlsShow } from "./commands/tls.ts";
import type { AdminPorts } from "./ports.ts";

/** The admin commands of a node. */
export function createAdmin(ports: AdminPorts): Admin {
  const { node, sessions, listeners, retained, plugins, configuration, metrics, tls } = ports;
  const admin = new Admin();
  admin.describeGroup("cluster", "Manages the cluster.");
  admin.describeGroup("listener", "Manages the listeners.");
  admin.describeGroup("metrics", "Shows and resets the metrics.");
  admin.describeGroup("node", "Manages this node.");
  admin.describeGroup("plugin", "Manages the plugins.");
  admin.describeGroup("retain", "Manages the retained messages.");
  admin.describeGroup("session", "Manages the sessions of clients.");
  admin.describeGroup("tls", "Manages the certificates of listeners.");
  for (const command of [
    clusterShow(node),
    describeCommand(configuration),
    listenerDelete(listeners),
    listenerRestart(listeners),
    listenerShow(listeners),
    listenerStart(listeners),
    listenerStop(listeners),
    metricsReset(metrics),
    metricsShow(metrics),
    nodeStatus(node, metrics),
    pluginDisable(plugins),
    pluginEnable(plugins),
    pluginShow(plugins),
    retainShow(retained),
    sessionDisconnect(sessions),
    sessionReauthorize(sessions),
    sessionShow(sessions),
    setCommand(configuration, node),
    showCommand(configuration, node),
    tlsCheck(tls),
    tlsClearPemCache(tls),
    tlsShow(tls),
  ]) {
    admin.register(command);
  }
  return admin;
}
