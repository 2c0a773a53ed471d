/**
 * The rows of the benchmark: what the load generator does, which figure counts, and the floors our
 * broker has to pass.
 */

/** One line of JSON of the load generator; absent fields do not apply to its scenario. */
export type Result = Readonly<Record<string, number | string>>;

/** A floor; the row passes when every one of its floors holds. */
export type Floor =
  | { kind: "rate-times-mosquitto"; times: number }
  | { kind: "cpu-at-most"; micros: number }
  /** CPU per message against Mosquitto's. */
  | { kind: "cpu-times-mosquitto"; times: number }
  /** CPU per message against another row of ours. */
  | { kind: "cpu-times-row"; row: string; times: number }
  /** CPU per message beyond that of another row of ours. */
  | { kind: "cpu-beyond-row"; row: string; micros: number }
  | { kind: "latency-times-mosquitto"; field: "p50_ms" | "p99_ms"; times: number }
  /** A field against the same field of another row of ours, plus a constant. */
  | { kind: "field-beyond-row"; field: string; row: string; plus: number }
  | { kind: "at-least"; field: string; value: number; unit: string }
  | { kind: "at-most"; field: string; value: number; unit: string };

export interface Row {
  name: string;
  about: string;
  /** Arguments of the load generator. */
  argv: string;
  /** The main figure, a field of the result; those that end in `_ms` are better when lower. */
  figure: string;
  /** What one unit of broker CPU is divided by. */
  per: "measured message" | "received message" | "delivery" | "connection" | "acknowledgement";
  floors: Floor[];
  /** max_inflight_messages of the brokers; 1000 unless told otherwise. */
  inflight?: number;
  /** Run on the first broker only: takes minutes and no peer is compared. */
  firstOnly?: true;
  /** Afterwards the broker is stopped and started on its data; the time until it serves is measured. */
  restart?: true;
  /** Over TLS; the load generator is built with it. */
  tls?: true;
  /** Over WebSocket. */
  webSocket?: true;
  /** Left out unless named by --only or --all. */
  large?: true;
}

const rate = (times: number): Floor => ({ kind: "rate-times-mosquitto", times });
const cpu = (micros: number): Floor => ({ kind: "cpu-at-most", micros });
const v5 = (row: string): Floor[] => [{ kind: "cpu-times-row", row, times: 1.25 }];

function traffic(name: string, about: string, argv: string, floors: Floor[] = []): Row {
  return { name, about, argv, figure: "recv_per_s", per: "measured message", floors };
}

function overTls(row: Row): Row {
  return { ...row, argv: `${row.argv} --tls 13`, tls: true };
}

function overWebSocket(row: Row): Row {
  return { ...row, argv: `${row.argv} --ws`, webSocket: true };
}

function connections(name: string, about: string, options = ""): Row {
  return {
    name,
    about,
    argv: `connect --n 5000${options}`,
    figure: "conns_per_s",
    per: "connection",
    floors: [],
  };
}

const transportRows: readonly Row[] = [
  overTls(traffic("tlsp2p0", "p2p0 over TLS", "p2p --qos 0")),
  overTls(traffic("tlsp2p1", "p2p1 over TLS", "p2p --qos 1")),
  overTls(traffic("tlsping1", "ping1 over TLS", "p2p --n 500 --window 1 --nap 0 --qos 1")),
  overTls(traffic("tlsfanout0", "fanout0 over TLS", "fanout --qos 0 --subs 1000")),
  overTls(
    connections(
      "tlsconnect",
      "connections a second over TLS, each with a full handshake, then 5,000 idle ones",
    ),
  ),
  overTls(connections("tlsresume", "the same with resumed handshakes", " --tls-resume")),
  overWebSocket(traffic("wsp2p0", "p2p0 over WebSocket", "p2p --qos 0")),
  overWebSocket(traffic("wsp2p1", "p2p1 over WebSocket", "p2p --qos 1")),
  overWebSocket(traffic("wsping1", "ping1 over WebSocket", "p2p --n 500 --window 1 --nap 0 --qos 1")),
  overWebSocket(traffic("wsfanout0", "fanout0 over WebSocket", "fanout --qos 0 --subs 1000")),
  overWebSocket(connections("wsconnect", "connections a second over WebSocket, then 5,000 idle ones")),
  overWebSocket(overTls(traffic("wssp2p1", "p2p1 over WebSocket and TLS", "p2p --qos 1"))),
  overWebSocket(overTls(connections("wssconnect", "tlsconnect over WebSocket"))),
];

export const rows: readonly Row[] = [
  traffic("p2p0", "50 pairs, saturated, QoS 0", "p2p --qos 0", [rate(7), cpu(0.6)]),
  traffic("p2p1", "50 pairs, saturated, QoS 1", "p2p --qos 1", [rate(12), cpu(0.8)]),
  traffic("p2p2", "50 pairs, saturated, QoS 2", "p2p --qos 2", [rate(12), cpu(1.4)]),
  { ...traffic("p2p1i20", "p2p1 with the default window of 20", "p2p --qos 1"), inflight: 20 },
  traffic("p2p1keep", "p2p1 with persistent sessions online", "p2p --qos 1 --persist", [
    { kind: "cpu-times-row", row: "p2p1", times: 1.6 },
  ]),
  traffic("p2p2keep", "p2p2 with persistent sessions online", "p2p --qos 2 --persist", [
    { kind: "cpu-times-row", row: "p2p2", times: 2.5 },
  ]),
  traffic("ping0", "500 pairs, one message at a time, QoS 0", "p2p --n 500 --window 1 --nap 0 --qos 0", [
    rate(0.95),
    cpu(10),
  ]),
  traffic("ping1", "500 pairs, one message at a time, QoS 1", "p2p --n 500 --window 1 --nap 0 --qos 1", [
    rate(1),
    cpu(20),
  ]),
  traffic("fanout0", "1 to 1,000, QoS 0", "fanout --qos 0 --subs 1000", [rate(10), cpu(0.5)]),
  traffic("fanout1", "1 to 500, QoS 1", "fanout --qos 1 --subs 500", [rate(8), cpu(0.9)]),
  traffic("fanin0", "50 to 1, QoS 0", "fanin --qos 0", [rate(5), cpu(0.9)]),
  traffic("fanin1", "50 to 1, QoS 1", "fanin --qos 1", [rate(6), cpu(1.4)]),
  traffic("share1", "50 to a shared group of 5, QoS 1", "fanin --qos 1 --share --subs 5", [
    rate(6),
    cpu(1.6),
  ]),
  {
    ...traffic("rate0", "20,000 messages a second over 50 pairs, QoS 0", "rate --rate 20000 --qos 0", [
      { kind: "latency-times-mosquitto", field: "p50_ms", times: 2 },
      { kind: "latency-times-mosquitto", field: "p99_ms", times: 3 },
      { kind: "cpu-times-mosquitto", times: 2.5 },
    ]),
    figure: "p99_ms",
  },
  {
    ...traffic("rate1", "10,000 messages a second over 50 pairs, QoS 1", "rate --rate 10000 --qos 1"),
    figure: "p99_ms",
  },
  {
    ...traffic(
      "ratefan0",
      "20 a second to 1,000 subscribers",
      "rate --topo fanout --rate 20 --subs 1000 --qos 0",
    ),
    figure: "p99_ms",
  },
  {
    name: "ack",
    about: "publish to PUBACK, one at a time, receiver with a clean session",
    argv: "puback --n 1 --receiver clean",
    figure: "p50_ms",
    per: "acknowledgement",
    floors: [],
  },
  {
    name: "ackkeep",
    about: "publish to PUBACK, one at a time, receiver with a persistent session",
    argv: "puback --n 1 --receiver persist",
    figure: "p50_ms",
    per: "acknowledgement",
    floors: [{ kind: "field-beyond-row", field: "p50_ms", row: "ack", plus: 0.3 }],
  },
  {
    name: "connect",
    about: "connections a second, then 15,000 idle ones",
    argv: "connect --n 15000",
    figure: "conns_per_s",
    per: "connection",
    floors: [
      { kind: "at-least", field: "conns_per_s", value: 12_000, unit: "/s" },
      { kind: "at-most", field: "kb_per_conn", value: 7, unit: "kB" },
    ],
  },
  {
    name: "churn",
    about: "connect, CONNACK, DISCONNECT, again",
    argv: "connect --churn --conc 50",
    figure: "conns_per_s",
    per: "connection",
    floors: [],
  },
  {
    name: "offline",
    about: "QoS 1 to 50 persistent sessions that are away, then back",
    argv: "offline --msgs 200000 --subs 50 --inflight 1000",
    figure: "recv_per_s",
    per: "received message",
    floors: [
      { kind: "at-least", field: "store_per_s", value: 150_000, unit: "/s" },
      { kind: "at-least", field: "recv_per_s", value: 300_000, unit: "/s" },
    ],
  },
  {
    name: "retained",
    about: "20,000 retained QoS 1 messages, stored for the third time, then 10 wildcard subscribers",
    argv: "retained --retained 20000 --before 2 --qos 1 --subs 10 --inflight 200",
    figure: "recv_per_s",
    per: "delivery",
    floors: [
      { kind: "at-least", field: "store_per_s", value: 150_000, unit: "/s" },
      { kind: "at-least", field: "recv_per_s", value: 600_000, unit: "/s" },
    ],
  },
  traffic(
    "wildcard",
    "100,000 wildcard filters, 1,000 topics in use",
    "wildcard --filters 100000 --hot 1000",
  ),
  traffic("wildall", "100,000 wildcard filters, every topic in use", "wildcard --filters 100000 --hot 0"),
  traffic("size16", "p2p0 with 16-byte payloads", "p2p --qos 0 --size 16"),
  traffic("size1k", "p2p0 with 1 KiB payloads", "p2p --qos 0 --size 1024"),
  traffic("size16k", "p2p0 with 16 KiB payloads", "p2p --qos 0 --size 16384 --window 20"),
  traffic("size256k", "p2p0 with 256 KiB payloads", "p2p --qos 0 --size 262144 --n 10 --window 4"),
  traffic("fresh", "p2p0 while fresh clients connect: their CONNACK", "p2p --qos 0 --probe 20", [
    { kind: "at-most", field: "probe_p99_ms", value: 100, unit: "ms" },
  ]),
  traffic("p2p0v5", "p2p0 with MQTT 5", "p2p --qos 0 --v5", v5("p2p0")),
  traffic("p2p1v5", "p2p1 with MQTT 5", "p2p --qos 1 --v5", v5("p2p1")),
  traffic("p2p2v5", "p2p2 with MQTT 5", "p2p --qos 2 --v5", v5("p2p2")),
  traffic("ping0v5", "ping0 with MQTT 5", "p2p --n 500 --window 1 --nap 0 --qos 0 --v5", v5("ping0")),
  traffic("fanout0v5", "fanout0 with MQTT 5", "fanout --qos 0 --subs 1000 --v5", v5("fanout0")),
  traffic("fanout1v5", "fanout1 with MQTT 5", "fanout --qos 1 --subs 500 --v5", v5("fanout1")),
  traffic("fanin0v5", "fanin0 with MQTT 5", "fanin --qos 0 --v5", v5("fanin0")),
  traffic("fanin1v5", "fanin1 with MQTT 5", "fanin --qos 1 --v5", v5("fanin1")),
  ...transportRows,
  {
    ...traffic(
      "filters1m",
      "1 M filters, half exact, every topic in use",
      "wildcard --filters 1000000 --half-exact --hot 0",
      [
        { kind: "at-most", field: "rss_b_per_filter", value: 400, unit: "B" },
        { kind: "cpu-beyond-row", row: "p2p0", micros: 3 },
      ],
    ),
    large: true,
  },
  {
    name: "sessions1m",
    about: "1 M offline persistent sessions, one subscription each; start over",
    argv: "sessions --n 1000000 --conc 200 --srcs 64",
    figure: "conns_per_s",
    per: "connection",
    floors: [
      { kind: "at-most", field: "restart_b_each", value: 1024, unit: "B" },
      { kind: "at-most", field: "restart_ready_ms", value: 10_000, unit: "ms" },
    ],
    firstOnly: true,
    restart: true,
    large: true,
  },
  {
    name: "retained1m",
    about: "1 M retained messages; start over",
    argv: "retained --retained 1000000 --qos 1 --subs 0 --keep --inflight 200",
    figure: "store_per_s",
    per: "received message",
    floors: [
      { kind: "at-most", field: "rss_b_per_retained", value: 250, unit: "B" },
      { kind: "at-most", field: "restart_ready_ms", value: 5_000, unit: "ms" },
    ],
    firstOnly: true,
    restart: true,
    large: true,
  },
];

export const quickRows: readonly string[] = ["p2p0", "p2p1", "fanin0", "fanout0", "rate0", "connect"];

/** A numeric field of a result. */
export function field(result: Result, name: string): number | undefined {
  const value = result[name];
  return typeof value === "number" ? value : undefined;
}

/** Broker CPU in microseconds per message (or connection) of one run. */
export function cpuMicros(row: Row, result: Result): number | undefined {
  const seconds = field(result, row.per === "delivery" ? "deliver_broker_cpu_s" : "broker_cpu_s");
  const duration = field(result, "dur_s") ?? 0;
  const units =
    row.per === "measured message" || row.per === "acknowledgement"
      ? (field(result, row.per === "acknowledgement" ? "acks_per_s" : "recv_per_s") ?? 0) * duration
      : row.per === "connection"
        ? (field(result, "up") ?? field(result, "done") ?? (field(result, "conns_per_s") ?? 0) * duration)
        : (field(result, "received") ?? 0);
  return seconds === undefined || units === 0 ? undefined : (seconds * 1e6) / units;
}

export function lowerIsBetter(row: Row): boolean {
  return row.figure.endsWith("_ms");
}
