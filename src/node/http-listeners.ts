import type { ListenerConfiguration } from "../config/listeners.ts";
import type { SocketOptions } from "../config/type/socket-options.ts";
import { HttpListener } from "../http/http-listener.ts";
import { chooseModules } from "../http/module-choice.ts";
import type { NodeView } from "../http/node-view.ts";
import type { GuardedListenerServices } from "../listener/guarded-listener.ts";
import { httpStages } from "../listener/kinds.ts";

/** Makes the listeners for HTTP of a node. */
export class HttpListeners {
  readonly #services: GuardedListenerServices;
  readonly #view: NodeView;
  readonly #socketOptions: SocketOptions;
  /** What has been said about modules. */
  readonly #said = new Set<string>();

  constructor(services: GuardedListenerServices, view: NodeView, socketOptions: SocketOptions) {
    this.#services = services;
    this.#view = view;
    this.#socketOptions = socketOptions;
  }

  /** Undefined when that kind does not speak HTTP. Nothing is opened yet. */
  async make(configuration: ListenerConfiguration, ipv6Only: boolean): Promise<HttpListener | undefined> {
    const services = this.#services;
    const stages = await httpStages(configuration, services);
    if (stages === undefined) return undefined;
    const { kind, name, address, maxConnections, unixSocketMode, httpModules } = configuration;
    const { maxRequestLineLength, maxHeaderValueLength } = configuration;
    const { served, warnings, remarks } = chooseModules(httpModules);
    for (const warning of warnings) this.#say("warning", warning);
    for (const remark of remarks) this.#say("info", remark);
    if (served.length === 0) this.#say("warning", `listener.${kind}.${name} serves nothing`);
    const makeServer = async () => {
      const [{ HttpServer }, { makeModules }] = await Promise.all([
        import("../http/http-server.ts"),
        import("../http/modules.ts"),
      ]);
      return new HttpServer({
        listener: name,
        modules: makeModules(served, this.#view),
        limits: { requestLine: maxRequestLineLength, headerValue: maxHeaderValueLength },
        log: services.log,
      });
    };
    return new HttpListener(
      {
        name,
        kind,
        address,
        ipv6Only,
        unixSocketMode,
        socketOptions: this.#socketOptions,
        maxConnections,
        stages,
      },
      { ...services, makeServer },
    );
  }

  /** Once for all listeners. */
  #say(level: "warning" | "info", text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#services.log[level]("http", text);
  }
}
