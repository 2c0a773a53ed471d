/** What other brokers needed where the absolute floors were set: the measure of the machine at hand. */
import { cpuMicros, field, type Result, type Row } from "./rows.ts";

/** A broker whose figures there are known. */
export type ReferenceBroker = "bare" | "mosquitto";

interface Reference {
  broker: ReferenceBroker;
  /** A field of the result, or `cpu`: CPU microseconds per message. */
  figure: string;
  value: number;
}

const bareCpu = (value: number): Reference => ({ broker: "bare", figure: "cpu", value });
const mosquittoCpu = (value: number): Reference => ({ broker: "mosquitto", figure: "cpu", value });

/** By row; of several for one figure the first that was measured counts. Mosquitto 2.0.11; of ranges the middle. */
const references: Readonly<Record<string, readonly Reference[]>> = {
  p2p0: [bareCpu(0.2), mosquittoCpu(5)],
  p2p1: [bareCpu(0.28), mosquittoCpu(10.2)],
  p2p2: [mosquittoCpu(24)],
  ping0: [bareCpu(7.1), mosquittoCpu(10.1)],
  ping1: [bareCpu(13)],
  fanout0: [bareCpu(0.2), mosquittoCpu(5.9)],
  fanin0: [mosquittoCpu(4.6)],
  rate0: [
    { broker: "bare", figure: "p50_ms", value: 0.08 },
    { broker: "bare", figure: "p99_ms", value: 0.25 },
  ],
  connect: [
    { broker: "bare", figure: "conns_per_s", value: 29_000 },
    { broker: "mosquitto", figure: "conns_per_s", value: 40_500 },
  ],
};

/** Whether the figures of this broker are known for a row. */
export function hasReference(row: Row, broker: ReferenceBroker): boolean {
  return (references[row.name] ?? []).some((one) => one.broker === broker);
}

/** How the machine at hand compares, by one broker: figures here are `factor` times those there. */
export interface Scale {
  factor: number;
  broker: ReferenceBroker;
}

/** The scale for a figure of a row; undefined: no broker with a reference was measured. */
export function scaleOf(
  row: Row,
  figure: string,
  runsOf: (broker: string) => readonly Result[],
  middle: (values: readonly (number | undefined)[]) => number | undefined,
): Scale | undefined {
  for (const reference of references[row.name] ?? []) {
    if (reference.figure !== figure) continue;
    const here = middle(
      runsOf(reference.broker).map((run) => (figure === "cpu" ? cpuMicros(row, run) : field(run, figure))),
    );
    if (here !== undefined) return { factor: here / reference.value, broker: reference.broker };
  }
  return undefined;
}
