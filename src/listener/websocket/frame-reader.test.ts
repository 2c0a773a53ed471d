import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameReader } from "./frame-reader.ts";
import { unmask } from "./unmask.ts";

const LARGEST = 1_000;

/** What became of some bytes. */
interface Outcome {
  data: Buffer;
  pings: string[];
  /** A close code, a code with which it is refused, or that there was neither. */
  end: string;
}

class Reader extends FrameReader implements Outcome {
  data = Buffer.alloc(0);
  pings: string[] = [];
  end = "open";

  constructor() {
    super(LARGEST);
  }

  feed(chunk: Buffer): void {
    // It must not touch what is not its own.
    const guarded = Buffer.concat([Buffer.from("<"), chunk, Buffer.from(">")]);
    this.readFrames(guarded, 1, 1 + chunk.length);
    assert.deepEqual([guarded[0], guarded.at(-1)], [0x3c, 0x3e]);
  }

  protected override onData(chunk: Buffer, start: number, end: number): void {
    this.data = Buffer.concat([this.data, chunk.subarray(start, end)]);
  }

  protected override onPing(payload: Buffer): void {
    this.pings.push(payload.toString("hex"));
  }

  protected override onCloseFrame(code: number | null): void {
    assert.equal(this.end, "open");
    this.end = `closed ${code ?? 1005}`;
  }

  protected override onRefusal(code: number): void {
    if (this.end === "open") this.end = `refused ${code}`;
  }
}

const library: unknown = createRequire(import.meta.url)("ws");

/** What the library makes of the same chunks; `text` when it has come upon a text message. */
async function byLibrary(chunks: readonly Buffer[]): Promise<Outcome & { text: boolean }> {
  assert.ok(typeof library === "function");
  const made: unknown = Reflect.construct(Reflect.get(library, "Receiver"), [
    { isServer: true, maxPayload: LARGEST, skipUTF8Validation: true },
  ]);
  assert.ok(made instanceof Writable);
  const outcome = { data: Buffer.alloc(0), pings: [] as string[], end: "open", text: false };
  made.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) outcome.text = true;
    else if (!outcome.text) outcome.data = Buffer.concat([outcome.data, data]);
  });
  made.on("ping", (data: Buffer) => outcome.pings.push(data.toString("hex")));
  made.on("conclude", (code: number) => {
    outcome.end = `closed ${code}`;
  });
  made.on("error", (error: Error) => {
    const code = Object.getOwnPropertySymbols(error).find(({ description }) => description === "status-code");
    if (outcome.end === "open") outcome.end = `refused ${String(code && Reflect.get(error, code))}`;
  });
  for (const chunk of chunks) {
    if (outcome.end !== "open") break;
    made.write(Buffer.from(chunk));
    await new Promise((resolve) => process.nextTick(resolve));
  }
  return outcome;
}

interface Frame {
  readonly first: number;
  readonly masked: boolean;
  /** Bytes for the length beyond the seven bits. */
  readonly extended: 0 | 2 | 8;
  readonly mask: number;
  readonly payload: Uint8Array;
}

function encode({ first, masked, extended, mask, payload }: Frame): Buffer {
  const { length } = payload;
  const size = extended > 0 ? extended : length < 126 ? 0 : 2;
  const head = Buffer.alloc(2 + size);
  head[0] = first;
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!masked) return Buffer.concat([head, payload]);
  const key = Buffer.alloc(4);
  key.writeInt32LE(mask | 0);
  return Buffer.concat([head, key, payload.map((byte, i) => byte ^ (key[i & 3] ?? 0))]);
}

const extended = fc.constantFrom<0 | 2 | 8>(0, 0, 0, 2, 8);
const mask = fc.integer();
const payload = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 100, maxLength: 700, size: "max" }) },
);
const code = fc.constantFrom(1000, 1000, 1001, 1004, 1005, 2999, 3000, 4999, 5000);
/** Mostly what a client may send. `first` is that of a piece of a message, which `inOrder` makes what it should be. */
const frames: fc.Arbitrary<Frame[]> = fc
  .array(
    fc.oneof(
      {
        weight: 60,
        arbitrary: fc.record({
          first: fc.constantFrom(0x00, 0x80),
          masked: fc.constant(true),
          extended,
          mask,
          payload,
        }),
      },
      {
        weight: 20,
        arbitrary: fc.record({
          first: fc.constantFrom(0x89, 0x8a),
          masked: fc.constant(true),
          extended: fc.constant<0>(0),
          mask,
          payload: fc.uint8Array({ maxLength: 125, size: "max" }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          first: fc.constant(0x88),
          masked: fc.constant(true),
          extended: fc.constant<0>(0),
          mask,
          payload: fc.oneof(code.map(codeBytes), fc.constantFrom(new Uint8Array(0), new Uint8Array(1))),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          first: fc.constantFrom(0x01, 0x81),
          masked: fc.constant(true),
          extended,
          mask,
          payload,
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ first: fc.nat({ max: 255 }), masked: fc.boolean(), extended, mask, payload }),
      },
    ),
    { maxLength: 12 },
  )
  .map(inOrder);

/** Makes the first piece of a message the first one. */
function inOrder(list: readonly Frame[]): Frame[] {
  let within = false;
  return list.map((frame) => {
    if ((frame.first & 0x7f) !== 0) return frame;
    const first = frame.first | (within ? 0 : 0x02);
    within = (first & 0x80) === 0;
    return { ...frame, first };
  });
}

function codeBytes(code: number): Uint8Array {
  return Uint8Array.from([code >> 8, code & 255]);
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

describe("frames", () => {
  it("are read as the library reads them, however they are cut", async () => {
    const cuts = fc.array(fc.nat(), { maxLength: 12 });
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(frames, cuts, async (list, places) => {
        const chunks = split(Buffer.concat(list.map(encode)), places);
        const theirs = await byLibrary(chunks);
        const ours = new Reader();
        for (const chunk of chunks) ours.feed(chunk);
        seen.set(ours.end, (seen.get(ours.end) ?? 0) + 1);
        // What belongs to a message that is not complete is passed on all the same.
        assert.ok(ours.data.subarray(0, theirs.data.length).equals(theirs.data), "data");
        if (ours.end === "refused 1003") {
          // Text is refused at its beginning, and not at its end.
          assert.ok(theirs.pings.join().startsWith(ours.pings.join()));
          return;
        }
        assert.ok(!theirs.text);
        assert.deepEqual([ours.end, ours.pings], [theirs.end, theirs.pings]);
      }),
      { numRuns: 3_000 },
    );
    for (const end of ["open", "closed 1005", "closed 1000", "refused 1002", "refused 1003", "refused 1009"])
      assert.ok((seen.get(end) ?? 0) > 0, `${end}: ${JSON.stringify([...seen])}`);
  });

  it("that are good give all their bytes, however they are cut", () => {
    const messages = fc.array(
      fc.record({
        pieces: fc.array(fc.uint8Array({ maxLength: 300, size: "max" }), { minLength: 1, maxLength: 3 }),
        mask: fc.integer(),
        extended: fc.constantFrom<0 | 2 | 8>(0, 2, 8),
        ping: fc.boolean(),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 20 }), (list, places) => {
        const bytes = list.flatMap(({ pieces, mask, extended, ping }) =>
          pieces.flatMap((payload, i) => {
            const first = (i === 0 ? 0x02 : 0) | (i === pieces.length - 1 ? 0x80 : 0);
            const frame = encode({ first, masked: true, extended, mask, payload });
            const between = encode({
              first: 0x89,
              masked: true,
              extended: 0,
              mask,
              payload: payload.slice(0, 9),
            });
            return ping ? [frame, between] : [frame];
          }),
        );
        const reader = new Reader();
        for (const chunk of split(Buffer.concat(bytes), places)) reader.feed(chunk);
        assert.equal(reader.end, "open");
        assert.ok(reader.data.equals(Buffer.concat(list.flatMap(({ pieces }) => pieces))));
        assert.equal(
          reader.pings.length,
          list.reduce((sum, { ping, pieces }) => sum + (ping ? pieces.length : 0), 0),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it("that promise too much are refused before it comes", () => {
    for (const length of ["03e9", "ffff"])
      for (const [first, wanted] of [
        ["82", "refused 1009"],
        ["89", "refused 1002"],
      ]) {
        const reader = new Reader();
        reader.feed(Buffer.from(`${first}fe${length}`, "hex"));
        assert.equal(reader.end, wanted);
      }
    const reader = new Reader();
    reader.feed(Buffer.from("82ffffffffffffffffff", "hex"));
    assert.equal(reader.end, "refused 1009");
  });
});

it("a mask is taken off in place, at any place and length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600, size: "max" }),
      fc.nat({ max: 7 }),
      fc.integer(),
      fc.nat({ max: 600 }),
      (plain, shift, mask, cut) => {
        const key = Buffer.alloc(4);
        key.writeInt32LE(mask);
        const room = Buffer.alloc(plain.length + 16, 0xee);
        room.set(
          plain.map((byte, i) => byte ^ (key[i & 3] ?? 0)),
          shift,
        );
        const middle = shift + Math.min(cut, plain.length);
        const end = shift + plain.length;
        unmask(room, middle, end, unmask(room, shift, middle, mask));
        assert.ok(room.subarray(shift, end).equals(plain));
        assert.ok(room.subarray(0, shift).every((byte) => byte === 0xee));
        assert.ok(room.subarray(end).every((byte) => byte === 0xee));
      },
    ),
  );
});
