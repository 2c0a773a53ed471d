import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { ManualClock, systemClock } from "../clock/clock.ts";
import { TimerWheel } from "../clock/timer-wheel.ts";
import { silentLogger } from "../log/logger.ts";
import { Metric } from "../metrics/metric.ts";
import { Metrics } from "../metrics/metrics.ts";
import { Recorder } from "../mqtt/frame-decoder-test-support.ts";
import type { Connection, ConnectionHandler } from "./connection.ts";
import { ConnectionGuard, type GuardLimits, NO_LIMITS } from "./connection-guard.ts";
import { MqttListener, type MqttListenerOptions } from "./mqtt-listener.ts";
import { TlsDirectory } from "./tls/tls-directory.ts";

/** Resolves as soon as `ready` holds; rejects after ten seconds. */
export async function until(what: string, ready: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!ready()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves at the end of a socket, whatever ends it. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}

/** A session that writes down what comes. It takes any packet, without CONNECT, as MQTT 3.1.1. */
export class RecordingSession extends Recorder implements ConnectionHandler {
  readonly connection: Connection;
  drains = 0;
  faults: unknown[] = [];
  closes: (string | null)[] = [];
  /** Called for each PUBLISH; what it returns goes to the decoder. */
  act: ((count: number) => boolean) | null = null;
  #published = 0;

  constructor(connection: Connection) {
    super(4);
    this.connection = connection;
    this.maximumFrame = 100_000_000;
  }

  override onPublish(publication: Parameters<Recorder["onPublish"]>[0]): boolean {
    super.onPublish(publication);
    this.#published++;
    return this.act === null ? true : this.act(this.#published);
  }

  onDrain(): void {
    this.drains++;
  }

  onFault(error: unknown): void {
    this.faults.push(error);
    this.connection.end();
  }

  onLeaving(): void {}

  onClose(error: string | null): void {
    this.closes.push(error);
  }

  /** Sends bytes as sessions do. */
  write(bytes: Uint8Array): void {
    const at = this.connection.reserve(bytes.length);
    this.connection.block.set(bytes, at);
  }
}

/** A listener on a port of its own. */
export async function startListener(
  context: TestContext,
  options: Partial<MqttListenerOptions> = {},
  limits: Partial<GuardLimits> = {},
) {
  const { counters } = new Metrics();
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, 100, (error) => {
    throw error;
  });
  const guard = new ConnectionGuard({ ...NO_LIMITS, ...limits }, counters, () => clock.monotonic());
  const sessions: RecordingSession[] = [];
  const listener = new MqttListener(
    {
      name: "test",
      kind: "tcp",
      address: { kind: "ip", host: "127.0.0.1", family: 4, port: 0 },
      ipv6Only: false,
      unixSocketMode: undefined,
      socketOptions: { keepAlive: false, noDelay: true },
      maxConnections: Number.POSITIVE_INFINITY,
      writeLimit: 64 * 1024,
      direct: true,
      plain: true,
      stages: [],
      ...options,
    },
    (connection) => {
      const session = new RecordingSession(connection);
      sessions.push(session);
      return session;
    },
    {
      counters,
      wheel,
      clock: systemClock,
      log: silentLogger,
      tls: new TlsDirectory(),
      limits: { webSocketMessage: Number.POSITIVE_INFINITY },
      guard,
    },
  );
  await listener.listen();
  context.after(() => {
    listener.stopAccepting();
    listener.destroyAll();
  });
  const { address } = listener;

  /** A client and the session it got. */
  async function client(): Promise<{ socket: Socket; session: RecordingSession }> {
    const before = sessions.length;
    const socket =
      address.kind === "ip" ? connect(listener.port, address.host) : connect({ path: address.path });
    context.after(() => socket.destroy());
    socket.setNoDelay(true);
    await once(socket, "connect");
    await until("session", () => sessions.length > before);
    const session = sessions[before];
    if (session === undefined) throw new Error("no session");
    return { socket, session };
  }

  return {
    listener,
    sessions,
    client,
    guard,
    clock,
    wheel,
    counters,
    received: () => counters.value(Metric.bytes_received),
  };
}
