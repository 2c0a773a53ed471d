import { PacketType } from "./packet.ts";
import { ReasonCode } from "./reason-code.ts";
import { REFUSAL_CODES } from "./refusal-codes.ts";
import { isWellFormedText } from "./text-encoding.ts";

const REASON_STRING = 0x1f;
const USER_PROPERTY = 0x26;

/** The codes of PUBACK and PUBREC (tables 3-4 and 3-5 of MQTT 5), a byte per code: 1 is allowed. */
const PUBLISH_CODES = allowed([
  ReasonCode.Success,
  ReasonCode.NoMatchingSubscribers,
  ...REFUSAL_CODES.publish,
]);

/** The codes of PUBREL and PUBCOMP. */
const RELEASE_CODES = allowed([ReasonCode.Success, ReasonCode.PacketIdentifierNotFound]);

function allowed(codes: readonly number[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const code of codes) table[code] = 1;
  return table;
}

let refusalText = "";

/** Why `readAckReasonCode` refused the last time that it did. */
export function ackRefusal(): string {
  return refusalText;
}

/**
 * Reads what follows the packet identifier in an MQTT 5 acknowledgement of packet type `type`: the reason code at
 * `at`, and properties if the packet goes on. Returns the reason code, or minus the code to refuse it with. The
 * properties (reason string, user properties) are checked and not kept: nothing depends on them.
 */
export function readAckReasonCode(buffer: Buffer, type: number, at: number, end: number): number {
  const code = buffer[at] ?? 0;
  const codes = type <= PacketType.Pubrec ? PUBLISH_CODES : RELEASE_CODES;
  if (codes[code] !== 1) return refuse(ReasonCode.ProtocolError, `reason code ${code}`); // [MQTT-3.4.2-1]
  if (at + 1 === end) return code;
  let length = 0;
  let position = at + 1;
  let byte = 0x80;
  for (let shift = 0; byte >= 0x80; shift += 7) {
    if (shift > 21 || position >= end) return refuse(ReasonCode.MalformedPacket, "invalid property length");
    byte = buffer[position++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte === 0 && shift > 0) return refuse(ReasonCode.MalformedPacket, "overlong property length");
  }
  if (position + length !== end) return refuse(ReasonCode.MalformedPacket, "property length");
  let reasonString = false;
  while (position < end) {
    const id = buffer[position++] ?? 0;
    if (id === REASON_STRING) {
      if (reasonString) return refuse(ReasonCode.ProtocolError, "reason string twice");
      reasonString = true;
      position = textEnd(buffer, position, end);
    } else if (id === USER_PROPERTY) {
      position = textEnd(buffer, position, end);
      if (position > 0) position = textEnd(buffer, position, end);
    } else {
      return refuse(ReasonCode.MalformedPacket, `property ${id} does not belong here`);
    }
    if (position === 0)
      return refuse(ReasonCode.MalformedPacket, `property ${id} is cut off or not valid UTF-8`);
  }
  return code;
}

/** Where the text whose length stands at `at` ends; 0: beyond `end`, or not valid UTF-8. */
function textEnd(buffer: Buffer, at: number, end: number): number {
  const next = at + 2 + (((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0));
  return next <= end && isWellFormedText(buffer, at + 2, next) ? next : 0;
}

function refuse(code: number, text: string): number {
  refusalText = text;
  return -code;
}
