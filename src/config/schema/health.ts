import { compatibility, option } from "../option.ts";
import { byteSize, integer, numberOr } from "../type/number.ts";
import { flag } from "../type/text.ts";
import { duration } from "../type/time.ts";

const BEAM = compatibility("it belongs to the Erlang runtime, which this broker does not use");
const durationOrOff = numberOr(duration, { off: 0 });

/** Thresholds for messages of the Erlang runtime about itself. */
export const runtimeHealth = {
  "runtime_health.thresholds.busy_ports": option(integer({ min: 0 }), "2", {
    doc: "How many busy ports are reported.",
    status: BEAM,
  }),
  "runtime_health.thresholds.busy_processes": option(integer({ min: 0 }), "30", {
    doc: "How many busy processes are reported.",
    status: BEAM,
  }),
  "runtime_health.triggers.distribution_port": option(flag, "on", {
    doc: "Reports busy connections between nodes.",
    status: BEAM,
  }),
  "runtime_health.triggers.port": option(flag, "on", { doc: "Reports busy connections.", status: BEAM }),
  "runtime_health.triggers.process.garbage_collection": option(durationOrOff, "off", {
    doc: "Reports long garbage collections.",
    status: BEAM,
  }),
  "runtime_health.triggers.process.heap_size": option(numberOr(byteSize(), { off: 0 }), "160444000", {
    doc: "Reports large heaps.",
    status: BEAM,
  }),
  "runtime_health.triggers.process.long_schedule": option(durationOrOff, "off", {
    doc: "Reports work that was not interrupted for long.",
    status: BEAM,
  }),
};
