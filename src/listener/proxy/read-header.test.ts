import assert from "node:assert/strict";
import { SocketAddress } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { crc32cWithHole } from "./crc32c.ts";
import {
  binary,
  binaryHeader,
  ipv4Addresses,
  localHeader,
  slowCrc32c,
  textHeader,
  tlsField,
} from "./header-test-support.ts";
import { LONGEST_HEADER, readProxyHeader } from "./read-header.ts";

const addresses = ipv4Addresses("192.0.2.7", 56_324);

function source(bytes: Uint8Array) {
  const header = readProxyHeader(Buffer.from(bytes));
  assert.equal(header.kind, "header", JSON.stringify(header));
  return header.kind === "header" ? header.source : null;
}

function problem(bytes: Uint8Array | string): string {
  const header = readProxyHeader(Buffer.from(bytes));
  assert.equal(header.kind, "malformed", JSON.stringify(header));
  return header.kind === "malformed" ? header.problem : "";
}

describe("version 1", () => {
  test("TCP4, TCP6 and UNKNOWN", () => {
    assert.deepEqual(source(textHeader("192.0.2.7", 56_324)), {
      address: "192.0.2.7",
      port: 56_324,
      commonName: undefined,
    });
    assert.deepEqual(source(textHeader("2001:db8::7", 1, "::1")), {
      address: "2001:db8::7",
      port: 1,
      commonName: undefined,
    });
    assert.equal(source(Buffer.from("PROXY UNKNOWN\r\n")), null);
    assert.equal(source(Buffer.from("PROXY UNKNOWN ffff::1 whatever 0 99999\r\n")), null);
  });

  test("of 107 bytes, and none of 108", () => {
    const longest = Buffer.from(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`);
    assert.equal(longest.length, 107);
    assert.equal(source(longest), null);
    assert.match(problem(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`), /107 bytes/);
    assert.match(problem(`PROXY ${"x".repeat(101)}`), /107 bytes/);
    assert.equal(readProxyHeader(Buffer.from(`PROXY ${"x".repeat(100)}`)).kind, "incomplete");
  });

  for (const line of [
    "PROXY TCP4 192.0.2.7 127.0.0.1 56324 1883\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 56324\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 56324 1883 1\r\n",
    "PROXY TCP4  192.0.2.7 127.0.0.1 56324 1883\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 56324 1883 \r\n",
    "PROXY TCP4 2001:db8::7 127.0.0.1 56324 1883\r\n",
    "PROXY TCP6 192.0.2.7 127.0.0.1 56324 1883\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 56324 1883\r\n",
    "PROXY TCP4 192.0.2.07 127.0.0.1 56324 1883\r\n",
    "PROXY TCP4 192.0.2.7 nowhere 56324 1883\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 65536 1883\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 056 1883\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 -1 1883\r\n",
    "PROXY TCP4 192.0.2.7 127.0.0.1 56324 x\r\n",
    "PROXY UDP4 192.0.2.7 127.0.0.1 56324 1883\r\n",
    "PROXY UNKNOWNED\r\n",
    "PROXY \r\n",
    "PROXY\t",
    "proxy TCP4",
  ]) {
    test(`not ${JSON.stringify(line)}`, () => {
      problem(line);
    });
  }
});

describe("version 2", () => {
  test("LOCAL keeps the socket's own peer, whatever it carries", () => {
    assert.equal(source(localHeader()), null);
    assert.equal(source(binary(0x20, 0xff, Buffer.from("anything"))), null);
  });

  test("TCP over IPv4", () => {
    assert.deepEqual(source(binaryHeader(0x11, addresses)), {
      address: "192.0.2.7",
      port: 56_324,
      commonName: undefined,
    });
  });

  test("a Unix socket", () => {
    const path = Buffer.alloc(216);
    path.write("/run/a b\n.sock");
    assert.deepEqual(source(binaryHeader(0x31, path)), {
      address: "local:/run/a b?.sock",
      port: 0,
      commonName: undefined,
    });
  });

  test("unspecified families and datagrams tell nothing about a connection", () => {
    assert.equal(source(binaryHeader(0x00, Buffer.alloc(0))), null);
    assert.equal(source(binaryHeader(0x12, addresses)), null);
  });

  test("the common name of a certificate that the proxy has found to be valid", () => {
    const name = (...field: Parameters<typeof tlsField>) =>
      source(binaryHeader(0x11, addresses, [[0x02, Buffer.from("example.org")], tlsField(...field)]))
        ?.commonName;
    assert.equal(name("device-7"), "device-7");
    assert.equal(name("größer"), "größer");
    assert.equal(name("device-7", 0x05), "device-7", "a certificate of the session");
    assert.equal(name("device-7", 0x01), undefined, "no certificate");
    assert.equal(name("device-7", 0x03, 1), undefined, "not valid");
    assert.equal(name(""), undefined);
  });

  test("with an unknown version, command, family or transport is refused", () => {
    assert.match(problem(binary(0x11, 0x11, addresses)), /version 1/);
    assert.match(problem(binary(0x31, 0x11, addresses)), /version 3/);
    assert.match(problem(binary(0x22, 0x11, addresses)), /command 2/);
    assert.match(problem(binary(0x21, 0x41, Buffer.alloc(300))), /family 4/);
    assert.match(problem(binary(0x21, 0x13, addresses)), /transport 3/);
  });

  test("too short for its addresses, or too long, is refused", () => {
    for (const [protocol, length] of [
      [0x11, 11],
      [0x21, 35],
      [0x31, 215],
    ] as const) {
      assert.match(problem(binary(0x21, protocol, Buffer.alloc(length))), /too short/);
    }
    // By its length alone, before any more of it has come.
    const head = binary(0x21, 0x11, Buffer.alloc(60_000)).subarray(0, 16);
    assert.match(problem(head), /60016 bytes/);
    assert.equal(
      readProxyHeader(binary(0x21, 0x11, Buffer.alloc(8_176)).subarray(0, 8_191)).kind,
      "incomplete",
    );
  });

  test("fields that are not well-formed are refused", () => {
    for (const rest of ["04", "0400", "040002ff", "20000400000000", "200009010000000022000241"]) {
      const field = Buffer.from(rest, "hex");
      problem(binary(0x21, 0x11, Buffer.concat([addresses, field])));
    }
    assert.match(problem(binaryHeader(0x11, addresses, [tlsField(Buffer.from([0xc3]))])), /UTF-8/);
    assert.match(problem(binaryHeader(0x11, addresses, [tlsField("a\nb")])), /control/);
    assert.match(problem(binaryHeader(0x11, addresses, [[0x03, Buffer.alloc(3)]])), /4 bytes/);
  });

  test("its checksum is checked, and covers every byte", () => {
    const header = binaryHeader(0x11, addresses, [
      [0x03, Buffer.alloc(4)],
      [0x04, Buffer.from("padding")],
    ]);
    const at = 16 + 12 + 3;
    header.writeUInt32BE(slowCrc32c(header), at);
    assert.equal(source(header)?.port, 56_324);
    const flipped = Buffer.from(header);
    flipped.writeUInt8((header[header.length - 1] ?? 0) ^ 1, header.length - 1);
    assert.match(problem(flipped), /checksum/);
    assert.equal(crc32cWithHole(Buffer.from("123456789"), 0, 0), 0xe306_9283);
  });
});

describe("any header", () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const ports = fc.tuple(port, port).map((both) => {
    const buffer = Buffer.alloc(4);
    for (const [i, one] of both.entries()) buffer.writeUInt16BE(one, i * 2);
    return buffer;
  });
  const commonName = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
    .filter((text) => !/\p{Cc}/u.test(text));
  const text = fc.oneof(
    fc.tuple(fc.ipV4(), fc.ipV4(), port, port).map(([from, to, a, b]) => textHeader(from, a, to, b)),
    fc.tuple(fc.ipV6(), fc.ipV6(), port, port).map(([from, to, a, b]) => textHeader(from, a, to, b)),
  );
  const field = fc.tuple(fc.constantFrom(1, 2, 4, 5, 0x30, 0xe0), fc.uint8Array({ maxLength: 128 }));
  const fields = fc.array(
    fc.oneof(
      field,
      commonName.map((name) => tlsField(name)),
    ),
    { maxLength: 4 },
  );
  const v2 = fc.oneof(
    fc
      .tuple(bytes(8), ports, fields)
      .map(([ips, both, more]) => binaryHeader(0x11, Buffer.concat([ips, both]), more)),
    fc
      .tuple(bytes(32), ports, fields)
      .map(([ips, both, more]) => binaryHeader(0x21, Buffer.concat([ips, both]), more)),
  );
  const header = fc.oneof(text, v2);

  test("is complete with its last byte and not before, whatever follows", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 40 }), (one, rest) => {
        for (let end = 0; end < one.length; end++) {
          assert.equal(readProxyHeader(one.subarray(0, end)).kind, "incomplete");
        }
        const alone = readProxyHeader(one);
        assert.equal(alone.kind === "header" && alone.length, one.length);
        assert.deepEqual(readProxyHeader(Buffer.concat([one, rest])), alone);
      }),
    );
  });

  test("gives back the address and the port it was made of", () => {
    fc.assert(
      fc.property(bytes(16), port, (ip, from) => {
        const both = Buffer.alloc(4);
        both.writeUInt16BE(from);
        const groups = Array.from({ length: 8 }, (_, i) =>
          Buffer.from(ip)
            .readUInt16BE(i * 2)
            .toString(16),
        );
        const found = source(binaryHeader(0x21, Buffer.concat([ip, Buffer.alloc(16), both])));
        const same = new SocketAddress({ family: "ipv6", address: groups.join(":") });
        assert.equal(found?.port, from);
        assert.equal(
          new SocketAddress({ family: "ipv6", address: found?.address ?? "" }).address,
          same.address,
        );
      }),
    );
    for (const [ip, shown] of [
      ["00000000000000000000000000000001", "::1"],
      ["20010db8000000000000000000000007", "2001:db8::7"],
      ["00000000000000000000ffffc0000207", "::ffff:192.0.2.7"],
      ["00000000000000000000000000000000", "::"],
    ] as const) {
      const both = Buffer.concat([Buffer.from(ip, "hex"), Buffer.alloc(20)]);
      assert.equal(source(binaryHeader(0x21, both))?.address, shown);
    }
  });

  test("no bytes make it throw, or wait for more than the longest header", () => {
    const start = fc.constantFrom(
      "",
      "PROXY ",
      "PROXY TCP4 ",
      "\r\n\r\n\0\r\nQUIT\n",
      "\r\n\r\n\0\r\nQUIT\n\x21\x11",
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (prefix, rest) => {
        const read = readProxyHeader(Buffer.concat([Buffer.from(prefix, "latin1"), rest]));
        if (read.kind === "header") assert.ok(read.length <= LONGEST_HEADER);
      }),
    );
    fc.assert(
      fc.property(start, fc.integer(), (prefix, seed) => {
        const all = Buffer.alloc(LONGEST_HEADER, Buffer.from(String(seed)));
        all.write(prefix, "latin1");
        assert.notEqual(readProxyHeader(all).kind, "incomplete");
      }),
    );
  });
});
