import { lastingCopy } from "./lasting-copy.ts";
import type { Properties, ProtocolVersion, UserProperty } from "./packet.ts";
import { ConnectFlag, type Field, type PacketLayout } from "./packet-layout.ts";
import { type NumberRule, Place, PROPERTY_RULE_BY_ID, type PropertyRule } from "./property-table.ts";
import { ReasonCode } from "./reason-code.ts";
import { isWellFormedText } from "./text-encoding.ts";
import { parseTopicFilter, type TopicFilter } from "./topic-filter.ts";
import { checkTopicName } from "./topic-name.ts";

/** How many user properties one packet (apart from PUBLISH) or one will may have. */
export const MAXIMUM_USER_PROPERTIES = 1000;
/** How many topic filters one SUBSCRIBE or UNSUBSCRIBE may have: all are worked on in one turn, while the others wait. */
export const MAXIMUM_FILTERS = 10_000;

const BRIDGE = 0x80;
const EMPTY = Buffer.alloc(0);
const MQTT = Buffer.from("MQTT");
const MQISDP = Buffer.from("MQIsdp");
const NO_PROPERTIES: WalkedProperties = {};

/** Properties while they are being collected. */
type WalkedProperties = { -readonly [Name in keyof Properties]: Properties[Name] };

/** A topic filter of SUBSCRIBE or UNSUBSCRIBE. */
export interface WalkedFilter {
  readonly parsed: TopicFilter;
  /** The subscription options byte; 0 in UNSUBSCRIBE. */
  readonly options: number;
}

/**
 * Checks one complete packet of a client, apart from PUBLISH and acknowledgements, field by field on its bytes:
 * whatever passes here is well formed and obeys every rule that can be judged from the packet alone. On the way it
 * collects the values, all copied from the buffer. One object per packet: these are rare.
 */
export class StrictWalker {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;
  /** 0 until the level of a CONNECT has been read. */
  version: 0 | ProtocolVersion;
  /** The protocol level byte of a CONNECT. */
  level: number;
  /** The connect flags that hold: see `username` in `walkField` for the one exception. */
  connectFlags: number;
  keepAlive: number;
  clientId: string;
  username: string;
  password: Buffer;
  willTopic: string;
  willPayload: Buffer;
  packetId: number;
  reasonCode: number;
  /** All properties but user properties. */
  properties: WalkedProperties;
  willProperties: WalkedProperties;
  readonly userProperties: UserProperty[];
  readonly willUserProperties: UserProperty[];
  /** Wire bytes of the will's end-to-end properties, still in the buffer. */
  readonly willEndToEnd: Buffer[];
  readonly filters: WalkedFilter[];
  /** 0, or why the packet is refused. */
  refusal: number;
  refusalText: string;
  /** The protocol version whose CONNACK can tell the client why its CONNECT is refused; 0: none can. */
  answerVersion: 0 | ProtocolVersion;

  /** `buffer[start, end)` is the packet without its fixed header. */
  constructor(buffer: Buffer, start: number, end: number, version: 0 | ProtocolVersion) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
    this.version = version;
    this.level = version;
    this.connectFlags = 0;
    this.keepAlive = 0;
    this.clientId = "";
    this.username = "";
    this.password = EMPTY;
    this.willTopic = "";
    this.willPayload = EMPTY;
    this.packetId = 0;
    this.reasonCode = ReasonCode.Success;
    this.properties = NO_PROPERTIES;
    this.willProperties = NO_PROPERTIES;
    this.userProperties = [];
    this.willUserProperties = [];
    this.willEndToEnd = [];
    this.filters = [];
    this.refusal = 0;
    this.refusalText = "";
    this.answerVersion = 0;
  }

  /** Walks over all fields; false: refused, see `refusal`. */
  walk(layout: PacketLayout): boolean {
    for (const field of layout.fields) {
      if (!this.#walkField(field)) return false;
    }
    if (this.at !== this.end) return this.#malformed(`${this.end - this.at} bytes too many`);
    return true;
  }

  #walkField(field: Field): boolean {
    switch (field.kind) {
      case "protocol":
        return this.#protocol();
      case "connect-flags":
        return this.#flags();
      case "keep-alive":
        if (!this.#skip(2, "keep alive")) return false;
        this.keepAlive = this.#int16(this.at - 2);
        return true;
      case "packet-id":
        if (!this.#skip(2, "packet identifier")) return false;
        this.packetId = this.#int16(this.at - 2);
        return this.packetId !== 0 || this.#protocolError("packet identifier 0"); // [MQTT-2.2.1-3]
      case "properties":
        if (this.version !== 5 || this.#isAbsent(field.flag)) return true;
        if (field.optional === true && this.at === this.end) return this.#requiredProperties(field.place);
        return this.#properties(field.place);
      case "text":
        // MQTT 3.1, section 3.1: a CONNECT may end before the user name although its flag is set.
        if (this.version === 3 && field.flag === ConnectFlag.Username && this.at === this.end) {
          this.connectFlags &= ~(ConnectFlag.Username | ConnectFlag.Password);
        }
        if (this.#isAbsent(field.flag)) return true;
        return this.#walkText(field.what, field.into);
      case "topic-name": {
        if (this.#isAbsent(field.flag)) return true;
        const start = this.at + 2;
        return this.#walkText(field.what, field.into) && this.#isTopicName(field.what, start);
      }
      case "binary": {
        if (this.#isAbsent(field.flag)) return true;
        const start = this.at + 2;
        if (!this.#binary(field.what)) return false;
        this.#keepBinary(field.into, lastingCopy(this.buffer, start, this.at));
        return true;
      }
      case "filters":
        return this.#filters(field.options);
      case "reason-code": {
        if (this.version !== 5) return true;
        if (this.at < this.end) this.reasonCode = this.buffer[this.at++] ?? 0;
        return (
          field.allowed.has(this.reasonCode) ||
          this.#protocolError(`reason code ${this.reasonCode} from a client`)
        );
      }
    }
  }

  #isAbsent(flag: number | undefined): boolean {
    return flag !== undefined && (this.connectFlags & flag) === 0;
  }

  /** Name and level: `MQTT` with 4, 5 or 132, `MQIsdp` with 3 or 131 [MQTT-3.1.2-1], [MQTT-3.1.2-2]. */
  #protocol(): boolean {
    const start = this.at;
    if (!this.#text("protocol name")) return false;
    const name = this.#isText(start + 2, MQTT) ? "MQTT" : "MQIsdp";
    if (name !== "MQTT" && !this.#isText(start + 2, MQISDP))
      return this.#refuse(ReasonCode.UnsupportedProtocolVersion, "protocol name");
    if (!this.#skip(1, "protocol level")) return false;
    const level = this.buffer[this.at - 1] ?? 0;
    this.level = level;
    if (name === "MQIsdp" ? level === 3 || level === (3 | BRIDGE) : level === 4 || level === (4 | BRIDGE)) {
      this.version = name === "MQIsdp" ? 3 : 4;
    } else if (name === "MQTT" && level === 5) {
      this.version = 5;
    } else {
      this.answerVersion = level >= 5 && level < BRIDGE ? 5 : 4;
      return this.#refuse(ReasonCode.UnsupportedProtocolVersion, `protocol ${name} with level ${level}`);
    }
    this.answerVersion = this.version;
    return true;
  }

  #flags(): boolean {
    if (!this.#skip(1, "connect flags")) return false;
    const flags = this.buffer[this.at - 1] ?? 0;
    this.connectFlags = flags;
    if ((flags & ConnectFlag.Reserved) !== 0) return this.#malformed("reserved connect flag set"); // [MQTT-3.1.2-3]
    if ((flags & ConnectFlag.WillQoS) === ConnectFlag.WillQoS) return this.#malformed("will QoS 3"); // [MQTT-3.1.2-12]
    if ((flags & ConnectFlag.Will) === 0 && (flags & (ConnectFlag.WillQoS | ConnectFlag.WillRetain)) !== 0) {
      return this.#malformed("will QoS or will retain without will"); // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
    }
    if (this.version !== 5 && (flags & ConnectFlag.Password) !== 0 && (flags & ConnectFlag.Username) === 0) {
      return this.#malformed("password without user name"); // [MQTT-3.1.2-22] of 3.1.1
    }
    return true;
  }

  #properties(place: number): boolean {
    const length = this.#variableByteInteger("property length");
    if (length < 0) return false;
    const end = this.at + length;
    if (end > this.end) return this.#malformed("property length beyond the packet");
    const isWill = place === Place.Will;
    const values: WalkedProperties = {};
    if (isWill) this.willProperties = values;
    else this.properties = values;
    while (this.at < end) {
      const start = this.at;
      const id = this.buffer[this.at++] ?? 0;
      const rule = PROPERTY_RULE_BY_ID.get(id);
      if (rule === undefined) return this.#malformed(`unknown property ${id}`);
      if ((rule.places & place) === 0) return this.#malformed(`property ${rule.name} does not belong here`);
      if (values[rule.name] !== undefined) return this.#protocolError(`property ${rule.name} twice`);
      if (!this.#propertyValue(rule, values, isWill)) return false;
      if (this.at > end) return this.#malformed(`property ${rule.name} beyond the property length`);
      if (isWill && rule.endToEnd) this.willEndToEnd.push(this.buffer.subarray(start, this.at));
    }
    if (values.authenticationData !== undefined && values.authenticationMethod === undefined) {
      return this.#protocolError("authentication data without authentication method"); // 3.1.2.11.10
    }
    return this.#requiredProperties(place);
  }

  /** AUTH without an authentication method is a protocol error (3.15.2.2.2). */
  #requiredProperties(place: number): boolean {
    if (place !== Place.Auth || this.properties.authenticationMethod !== undefined) return true;
    return this.#protocolError("AUTH without authentication method");
  }

  #propertyValue(rule: PropertyRule, values: WalkedProperties, isWill: boolean): boolean {
    const start = this.at;
    switch (rule.type) {
      case "bit":
      case "flag": {
        if (!this.#skip(1, rule.name)) return false;
        const value = this.buffer[start] ?? 0;
        if (value > 1) return this.#protocolError(`property ${rule.name} is neither 0 nor 1`);
        if (rule.type === "bit") values[rule.name] = value;
        else values[rule.name] = value === 1;
        return true;
      }
      case "int16":
        return this.#skip(2, rule.name) && this.#numberProperty(rule, values, this.#int16(start));
      case "int32":
        return (
          this.#skip(4, rule.name) && this.#numberProperty(rule, values, this.buffer.readUInt32BE(start))
        );
      case "varint": {
        const value = this.#variableByteInteger(rule.name);
        return value >= 0 && this.#numberProperty(rule, values, value);
      }
      case "text":
        if (!this.#text(rule.name)) return false;
        if (rule.name === "responseTopic") {
          if (this.at === start + 2) return this.#protocolError("empty response topic"); // [MQTT-4.7.3-1]
          if (this.#hasWildcard(start + 2)) return this.#protocolError("response topic with a wildcard"); // [MQTT-3.3.2-14]
        }
        values[rule.name] = this.#textFrom(start);
        return true;
      case "binary":
        if (!this.#binary(rule.name)) return false;
        values[rule.name] = lastingCopy(this.buffer, start + 2, this.at);
        return true;
      case "pair": {
        if (!this.#text("user property name")) return false;
        const name = this.#textFrom(start);
        const middle = this.at;
        if (!this.#text("user property value")) return false;
        const list = isWill ? this.willUserProperties : this.userProperties;
        if (list.length >= MAXIMUM_USER_PROPERTIES) {
          return this.#refuse(
            ReasonCode.QuotaExceeded,
            `more than ${MAXIMUM_USER_PROPERTIES} user properties`,
          );
        }
        list.push([name, this.#textFrom(middle)]);
        return true;
      }
    }
  }

  #numberProperty(rule: NumberRule, values: WalkedProperties, value: number): boolean {
    if (rule.nonZero && value === 0) return this.#protocolError(`property ${rule.name} is 0`);
    values[rule.name] = value;
    return true;
  }

  #filters(options: boolean): boolean {
    if (this.at === this.end) return this.#protocolError("no topic filter"); // [MQTT-3.8.3-2], [MQTT-3.10.3-2]
    while (this.at < this.end) {
      const start = this.at;
      if (!this.#text("topic filter")) return false;
      const parsed = parseTopicFilter(this.#textFrom(start));
      if (typeof parsed === "string") {
        // A misplaced wildcard gets the code that names it; other ill-formed filters are malformed.
        const code = parsed === "wildcard" ? ReasonCode.TopicFilterInvalid : ReasonCode.MalformedPacket;
        return this.#refuse(code, `invalid topic filter (${parsed})`);
      }
      if (options && !this.#subscriptionOptions(parsed)) return false;
      if (this.filters.length >= MAXIMUM_FILTERS) {
        return this.#refuse(ReasonCode.QuotaExceeded, `more than ${MAXIMUM_FILTERS} topic filters`);
      }
      this.filters.push({ parsed, options: options ? (this.buffer[this.at - 1] ?? 0) : 0 });
    }
    return true;
  }

  #subscriptionOptions(filter: TopicFilter): boolean {
    if (!this.#skip(1, "subscription options")) return false;
    const options = this.buffer[this.at - 1] ?? 0;
    const reserved = this.version === 5 ? 0xc0 : 0xfc;
    if ((options & reserved) !== 0) return this.#malformed("reserved subscription option set"); // [MQTT-3.8.3-5]
    if ((options & 0x03) === 0x03) return this.#protocolError("subscription with QoS 3");
    if ((options & 0x30) === 0x30) return this.#protocolError("retain handling 3");
    if ((options & 0x04) !== 0 && filter.group !== undefined) {
      return this.#protocolError("no-local on a shared subscription"); // [MQTT-3.8.3-4]
    }
    return true;
  }

  /** The text field before `at`, whose characters begin at `start`. */
  #isTopicName(what: string, start: number): boolean {
    const refusal = checkTopicName(this.buffer, start, this.at, Number.MAX_SAFE_INTEGER);
    if (typeof refusal === "number") return true;
    return this.#refuse(ReasonCode.TopicNameInvalid, `invalid ${what} (${refusal})`);
  }

  /** Whether the text field before `at`, whose characters begin at `start`, has these bytes. */
  #isText(start: number, bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (this.at - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.buffer[start + i] !== bytes[i]) return false;
    return true;
  }

  #hasWildcard(start: number): boolean {
    for (let at = start; at < this.at; at++) {
      if (this.buffer[at] === 0x2b || this.buffer[at] === 0x23) return true;
    }
    return false;
  }

  #walkText(what: string, into: "clientId" | "willTopic" | "username"): boolean {
    const start = this.at;
    if (!this.#text(what)) return false;
    this.#keepText(into, this.#textFrom(start));
    return true;
  }

  // Fields are set by name: a store under a computed name goes through the runtime's tables each time.

  #keepText(into: "clientId" | "willTopic" | "username", text: string): void {
    if (into === "clientId") this.clientId = text;
    else if (into === "username") this.username = text;
    else this.willTopic = text;
  }

  #keepBinary(into: "willPayload" | "password", bytes: Buffer): void {
    if (into === "password") this.password = bytes;
    else this.willPayload = bytes;
  }

  /** The text field from `start` to where the walker stands. */
  #textFrom(start: number): string {
    return this.buffer.toString("utf8", start + 2, this.at);
  }

  #text(what: string): boolean {
    const start = this.at + 2;
    if (!this.#binary(what)) return false;
    return isWellFormedText(this.buffer, start, this.at) || this.#malformed(`${what} is not valid UTF-8`);
  }

  #binary(what: string): boolean {
    if (!this.#skip(2, what)) return false;
    return this.#skip(this.#int16(this.at - 2), what);
  }

  #skip(bytes: number, what: string): boolean {
    if (this.end - this.at < bytes) return this.#malformed(`packet ends within ${what}`);
    this.at += bytes;
    return true;
  }

  #int16(at: number): number {
    return ((this.buffer[at] ?? 0) << 8) | (this.buffer[at + 1] ?? 0);
  }

  /** -1: refused. The encoding must be the shortest [MQTT-1.5.5-1]. */
  #variableByteInteger(what: string): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (!this.#skip(1, what)) return -1;
      const byte = this.buffer[this.at - 1] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) break;
        return value;
      }
    }
    this.#malformed(`${what} is no variable byte integer`);
    return -1;
  }

  #malformed(text: string): false {
    return this.#refuse(ReasonCode.MalformedPacket, text);
  }

  #protocolError(text: string): false {
    return this.#refuse(ReasonCode.ProtocolError, text);
  }

  #refuse(code: number, text: string): false {
    this.refusal = code;
    this.refusalText = text;
    return false;
  }
}
