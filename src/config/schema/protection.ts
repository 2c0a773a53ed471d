import { option } from "../option.ts";
import { byteSize, integer, numberOr } from "../type/number.ts";

const limit = numberOr(integer({ min: 1 }), { infinity: Infinity });
const limitOrOff = integer({ min: 0 });

/** What keeps clients from harming the broker before anybody knows who they are. */
export const protection = {
  "protection.max_connections": option(limit, "infinity", {
    doc: "How many connections all listeners for MQTT hold together.",
    runtime: true,
  }),
  "protection.connection_rate": option(limitOrOff, "0", {
    doc: "How many connections per second are accepted, on all listeners together; those of one second may come at once, others are closed. 0 sets no limit.",
    runtime: true,
  }),
  "protection.max_connections_per_address": option(limitOrOff, "0", {
    doc: "How many connections one client address may have: an IPv4 address, or the /64 network of an IPv6 address. Behind a proxy that tells the client's address, that one counts. 0 sets no limit.",
    runtime: true,
  }),
  "protection.connection_rate_per_address": option(limitOrOff, "0", {
    doc: "How many connections per second one client address may open; those of one second may come at once, others are closed. 0 sets no limit.",
    runtime: true,
  }),
  "protection.max_unauthenticated": option(limit, "20000", {
    doc: "How many connections there may be whose CONNECT has not been accepted yet, those that have sent nothing included. More are closed.",
    runtime: true,
  }),
  "protection.max_connect_size": option(byteSize({ min: 1024, max: 512 * 1024 }), "512KB", {
    doc: "The largest packet that a client may send before its CONNECT is accepted.",
    runtime: true,
    unit: "bytes",
  }),
  "protection.flapping_connects": option(limitOrOff, "0", {
    doc: "How many times a client id may connect within protection.flapping_window, before it is refused for the time of protection.flapping_ban. Only accepted connections count. 0 sets no limit.",
    runtime: true,
  }),
  "protection.flapping_window": option(integer({ min: 1 }), "60", {
    doc: "The time in which the connections of a client id are counted.",
    runtime: true,
    unit: "seconds",
  }),
  "protection.flapping_ban": option(integer({ min: 1 }), "300", {
    doc: "How long a client id that connects too often is refused.",
    runtime: true,
    unit: "seconds",
  }),
  "protection.max_event_loop_lag": option(numberOr(integer({ min: 200 }), { off: 0 }), "2000", {
    doc: "When the broker is behind by more than this for a second, it refuses new clients until it has caught up. Connected clients go on.",
    runtime: true,
    unit: "milliseconds",
  }),
  "protection.max_memory": option(numberOr(integer({ min: 10, max: 100 }), { off: 0 }), "90", {
    doc: "When the process uses more than this share, in percent, of the memory of the machine or of its container, or of what its runtime may use, it refuses new clients until there is less. Connected clients go on.",
    runtime: true,
  }),
};
