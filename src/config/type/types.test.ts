import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endpoint, ipAddress, ipOrUnixAddress } from "./address.ts";
import {
  bufferSizes,
  colonList,
  listOf,
  type ProtocolVersion,
  protocolVersions,
  semicolonList,
  wordList,
} from "./list.ts";
import { byteSize, integer, numberOr, percent } from "./number.ts";
import { directoryOrOff, file } from "./path.ts";
import { character, enumeration, flag, stringOrQuotes } from "./text.ts";
import { duration, period } from "./time.ts";
import type { ValueType } from "./value-type.ts";

const context = { resolvePath: (path: string) => (path === "" ? "" : `/root/${path}`) };

function reads<T>(type: ValueType<T>, pairs: readonly (readonly [string, T])[]): void {
  for (const [text, value] of pairs) assert.deepEqual(type.parse(text, context), { ok: true, value }, text);
}

function refuses(type: ValueType<unknown>, ...texts: readonly string[]): void {
  for (const text of texts) {
    const parsed = type.parse(text, context);
    assert.equal(parsed.ok, false, `"${text}"`);
    if (!parsed.ok) assert.ok(parsed.problem.length > 5);
  }
}

describe("words", () => {
  it("a flag is on or off in these letters", () => {
    reads(flag, [
      ["on", true],
      ["off", false],
    ]);
    refuses(flag, "yes", "true", "ON", "Off", "1", "");
  });

  it("an enumeration has its words only", () => {
    reads(enumeration("fifo", "lifo"), [["lifo", "lifo"]]);
    refuses(enumeration("fifo", "lifo"), "FIFO", "", "warn");
  });

  it("a character is exactly one, and two double quotes may mean nothing", () => {
    reads(character, [[":", ":"]]);
    refuses(character, "", "::");
    reads(stringOrQuotes, [
      ['""', ""],
      ["vernemq_", "vernemq_"],
    ]);
  });
});

describe("numbers", () => {
  it("an integer is decimal and within its limits", () => {
    reads(integer(), [
      ["-5", -5],
      ["007", 7],
    ]);
    refuses(integer(), "", "abc", "1.5", "0x10", "1e3", "99999999999999999999");
    refuses(integer({ min: 1, max: 3 }), "0", "4");
  });

  it("a word may stand for a number", () => {
    reads(numberOr(integer({ min: 0 }), { infinity: Infinity }), [
      ["infinity", Infinity],
      ["3", 3],
    ]);
    refuses(numberOr(integer({ min: 0 }), { infinity: Infinity }), "-1", "Infinity", "toString");
  });

  it("a size has powers of 1024, decimals, and no mixed letters", () => {
    reads(byteSize(), [
      ["10", 10],
      ["64KB", 65536],
      ["1mb", 1048576],
      [".5MB", 524288],
      ["1.5gb", 1610612736],
    ]);
    refuses(byteSize(), "1Kb", "KB", "1 KB", "-1", "1TB", "", ".");
    refuses(byteSize({ min: 1024, max: 2048 }), "1023", "3KB");
  });

  it("a percentage is 0 to 100, with or without its sign", () => {
    reads(percent, [
      ["10%", 10],
      ["10", 10],
      ["100%", 100],
    ]);
    refuses(percent, "101%", "-1%", "%", "1.5%");
  });
});

describe("times", () => {
  it("a duration is a sum of segments, rounded up", () => {
    reads(duration, [
      ["1h30m", 5400000],
      ["1f", 1209600000],
      ["2w1d", 1296000000],
      ["1.5s", 1500],
      ["0.1ms", 1],
      ["10m5ms", 600005],
    ]);
    refuses(duration, "", "5", "5x", "h", "1 h");
  });

  it("a period is one whole number and one letter; a month has four weeks, a year twelve months", () => {
    reads(period("never"), [
      ["never", Infinity],
      ["10s", 10],
      ["2h", 7200],
      ["1d", 86400],
      ["1w", 604800],
      ["5m", 12096000],
      ["1y", 29030400],
    ]);
    refuses(period("never"), "", "5x", "w", "1.5d", "1d1h", "client", "-1d");
  });
});

describe("addresses", () => {
  it("an IP address and a port are split at the last colon", () => {
    reads(ipAddress, [
      ["127.0.0.1:1883", { kind: "ip", host: "127.0.0.1", family: 4, port: 1883 }],
      ["::1:1883", { kind: "ip", host: "::1", family: 6, port: 1883 }],
      ["[::1]:1883", { kind: "ip", host: "::1", family: 6, port: 1883 }],
      ["0.0.0.0:0", { kind: "ip", host: "0.0.0.0", family: 4, port: 0 }],
    ]);
    refuses(ipAddress, "localhost:1883", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:", ":1883", "1883");
    refuses(ipAddress, "local:/tmp/x.sock:0");
  });

  it("a Unix socket has an absolute path and no port", () => {
    reads(ipOrUnixAddress, [
      ["local:/tmp/x.sock:0", { kind: "unix", path: "/tmp/x.sock" }],
      ["unix:/tmp/x.sock", { kind: "unix", path: "/tmp/x.sock" }],
      ["127.0.0.1:1", { kind: "ip", host: "127.0.0.1", family: 4, port: 1 }],
    ]);
    refuses(ipOrUnixAddress, "local:x.sock:0", "local:/x:5", "local:");
  });

  it("an endpoint may have a host name", () => {
    reads(endpoint, [["broker.example.com:1883", { host: "broker.example.com", port: 1883 }]]);
    refuses(endpoint, "broker.example.com", "x:0", "x:70000", ":1");
  });
});

describe("lists", () => {
  it("are words with commas, with or without brackets", () => {
    reads(wordList, [
      ["a,b,c", ["a", "b", "c"]],
      ["[a, b]", ["a", "b"]],
      ["[]", []],
      ["", []],
    ]);
    refuses(wordList, "[a,b", "a,b]", "a,,b", "a,a");
  });

  it("may have fixed words", () => {
    reads(listOf("tlsv1.2", "tlsv1.3"), [["tlsv1.2,tlsv1.3", ["tlsv1.2", "tlsv1.3"]]]);
    refuses(listOf("tlsv1.2", "tlsv1.3"), "sslv3", "");
  });

  it("may have other separators", () => {
    reads(colonList, [["A:B", ["A", "B"]]]);
    reads(semicolonList, [["1.1.1.1;::1", ["1.1.1.1", "::1"]]]);
  });

  it("of protocol versions have numbers of the wire", () => {
    reads(protocolVersions, [
      ["3,4,5", new Set<ProtocolVersion>([3, 4, 5])],
      ["[131, 132]", new Set<ProtocolVersion>([131, 132])],
    ]);
    refuses(protocolVersions, "", "6", "3.1", "[]");
  });

  it("of buffer sizes have three positive numbers", () => {
    reads(bufferSizes, [["1,2,3", { send: 1, receive: 2, user: 3 }]]);
    refuses(bufferSizes, "1,2", "1,2,0", "1,2,3,4", "a,b,c", "1,-2,3");
  });
});

describe("paths", () => {
  it("are made absolute, the empty one stays", () => {
    reads(file, [
      ["x", "/root/x"],
      ["", ""],
    ]);
    reads(directoryOrOff, [
      ["off", ""],
      ["x", "/root/x"],
    ]);
  });
});
