import type { ProtocolVersion, UserProperty } from "./packet.ts";
import { ConnectFlag, type Field, type PacketLayout } from "./packet-layout.ts";
import { Place, PROPERTY_RULE_BY_ID, type PropertyRule } from "./property-table.ts";
import { ReasonCode } from "./reason-code.ts";
import { isWellFormedText } from "./text-encoding.ts";
import { parseTopicFilter, type TopicFilter } from "./topic-filter.ts";
import { checkTopicName } from "./topic-name.ts";

/** How many user properties one packet (apart from PUBLISH) or one will may have. */
export const MAXIMUM_USER_PROPERTIES = 1000;
/** How many topic filters one SUBSCRIBE or UNSUBSCRIBE may have. */
export const MAXIMUM_FILTERS = 100_000;

const BRIDGE = 0x80;

/**
 * Checks one complete packet of a client, apart from PUBLISH and acknowledgements, field by field on its bytes:
 * whatever passes here is well formed and obeys every rule that can be judged from the packet alone. On the way it
 * collects what mqtt-packet cannot give back faithfully: user properties in their order and the raw properties of
 * the will. One object per packet: these are rare.
 */
export class StrictWalker {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;
  /** 0 until the level of a CONNECT has been read. */
  version: 0 | ProtocolVersion;
  /** The protocol level byte of a CONNECT. */
  level: number;
  /** Where the connect flags stand. */
  connectFlagsAt: number;
  /** The connect flags that hold: see `username` in `walkField` for the one exception. */
  connectFlags: number;
  userProperties: UserProperty[];
  willUserProperties: UserProperty[];
  /** Wire bytes of the will's end-to-end properties. */
  willProperties: Buffer[];
  filters: TopicFilter[];
  /** 0, or why the packet is refused. */
  refusal: number;
  refusalText: string;
  /** The protocol version whose CONNACK can tell the client why its CONNECT is refused; 0: none can. */
  answerVersion: 0 | ProtocolVersion;
  #hasAuthenticationMethod: boolean;

  /** `buffer[start, end)` is the packet without its fixed header. */
  constructor(buffer: Buffer, start: number, end: number, version: 0 | ProtocolVersion) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
    this.version = version;
    this.level = version;
    this.connectFlagsAt = 0;
    this.connectFlags = 0;
    this.userProperties = [];
    this.willUserProperties = [];
    this.willProperties = [];
    this.filters = [];
    this.refusal = 0;
    this.refusalText = "";
    this.answerVersion = 0;
    this.#hasAuthenticationMethod = false;
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
      case "int16":
        return this.#skip(2, field.what);
      case "packet-id":
        if (!this.#skip(2, "packet identifier")) return false;
        return this.#int16(this.at - 2) !== 0 || this.#protocolError("packet identifier 0"); // [MQTT-2.2.1-3]
      case "properties":
        if (this.version !== 5 || this.#isAbsent(field.flag)) return true;
        if (field.optional === true && this.at === this.end) return this.#requiredProperties(field.place);
        return this.#properties(field.place);
      case "text":
        // MQTT 3.1, section 3.1: a CONNECT may end before the user name although its flag is set.
        if (this.version === 3 && field.flag === ConnectFlag.Username && this.at === this.end) {
          this.connectFlags &= ~(ConnectFlag.Username | ConnectFlag.Password);
        }
        return this.#isAbsent(field.flag) || this.#text(field.what);
      case "binary":
        return this.#isAbsent(field.flag) || this.#binary(field.what);
      case "topic-name":
        return this.#isAbsent(field.flag) || this.#topicName(field.what);
      case "filters":
        return this.#filters(field.options);
      case "reason-code": {
        if (this.version !== 5) return true;
        const code = this.at === this.end ? ReasonCode.Success : (this.buffer[this.at++] ?? 0);
        return field.allowed.has(code) || this.#protocolError(`reason code ${code} from a client`);
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
    const name = this.buffer.toString("latin1", start + 2, this.at);
    if (name !== "MQTT" && name !== "MQIsdp")
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
    this.connectFlagsAt = this.at;
    if (!this.#skip(1, "connect flags")) return false;
    const flags = this.buffer[this.connectFlagsAt] ?? 0;
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
    const seen = new Set<number>();
    while (this.at < end) {
      const start = this.at;
      const id = this.buffer[this.at++] ?? 0;
      const rule = PROPERTY_RULE_BY_ID.get(id);
      if (rule === undefined) return this.#malformed(`unknown property ${id}`);
      if ((rule.places & place) === 0) return this.#malformed(`property ${rule.name} does not belong here`);
      if (rule.type !== "pair") {
        if (seen.has(id)) return this.#protocolError(`property ${rule.name} twice`);
        seen.add(id);
      }
      if (!this.#propertyValue(rule, place)) return false;
      if (this.at > end) return this.#malformed(`property ${rule.name} beyond the property length`);
      if (place === Place.Will && rule.endToEnd)
        this.willProperties.push(this.buffer.subarray(start, this.at));
    }
    if (seen.has(0x15)) this.#hasAuthenticationMethod = true;
    if (seen.has(0x16) && !seen.has(0x15)) {
      return this.#protocolError("authentication data without authentication method"); // 3.1.2.11.10
    }
    return this.#requiredProperties(place);
  }

  /** AUTH without an authentication method is a protocol error (3.15.2.2.2). */
  #requiredProperties(place: number): boolean {
    if (place !== Place.Auth || this.#hasAuthenticationMethod) return true;
    return this.#protocolError("AUTH without authentication method");
  }

  #propertyValue(rule: PropertyRule, place: number): boolean {
    const start = this.at;
    switch (rule.type) {
      case "bit":
      case "flag":
        if (!this.#skip(1, rule.name)) return false;
        return (
          (this.buffer[start] ?? 0) <= 1 || this.#protocolError(`property ${rule.name} is neither 0 nor 1`)
        );
      case "int16":
        if (!this.#skip(2, rule.name)) return false;
        return !rule.nonZero || this.#int16(start) !== 0 || this.#protocolError(`property ${rule.name} is 0`);
      case "int32":
        if (!this.#skip(4, rule.name)) return false;
        return (
          !rule.nonZero ||
          this.buffer.readUInt32BE(start) !== 0 ||
          this.#protocolError(`property ${rule.name} is 0`)
        );
      case "varint": {
        const value = this.#variableByteInteger(rule.name);
        if (value < 0) return false;
        return !rule.nonZero || value !== 0 || this.#protocolError(`property ${rule.name} is 0`);
      }
      case "text":
        if (!this.#text(rule.name)) return false;
        if (rule.name === "responseTopic" && this.#hasWildcard(start + 2)) {
          return this.#protocolError("response topic with a wildcard"); // [MQTT-3.3.2-14]
        }
        return true;
      case "binary":
        return this.#binary(rule.name);
      case "pair": {
        if (!this.#text("user property name")) return false;
        const middle = this.at;
        if (!this.#text("user property value")) return false;
        const list = place === Place.Will ? this.willUserProperties : this.userProperties;
        if (list.length >= MAXIMUM_USER_PROPERTIES) {
          return this.#refuse(
            ReasonCode.QuotaExceeded,
            `more than ${MAXIMUM_USER_PROPERTIES} user properties`,
          );
        }
        list.push([
          this.buffer.toString("utf8", start + 2, middle),
          this.buffer.toString("utf8", middle + 2, this.at),
        ]);
        return true;
      }
    }
  }

  #filters(options: boolean): boolean {
    if (this.at === this.end) return this.#protocolError("no topic filter"); // [MQTT-3.8.3-2], [MQTT-3.10.3-2]
    while (this.at < this.end) {
      const start = this.at + 2;
      if (!this.#text("topic filter")) return false;
      const filter = parseTopicFilter(this.buffer.toString("utf8", start, this.at));
      if (typeof filter === "string") {
        // A misplaced wildcard gets the code that names it; other ill-formed filters are malformed.
        const code = filter === "wildcard" ? ReasonCode.TopicFilterInvalid : ReasonCode.MalformedPacket;
        return this.#refuse(code, `invalid topic filter (${filter})`);
      }
      if (options && !this.#subscriptionOptions(filter)) return false;
      if (this.filters.length >= MAXIMUM_FILTERS) {
        return this.#refuse(ReasonCode.QuotaExceeded, `more than ${MAXIMUM_FILTERS} topic filters`);
      }
      this.filters.push(filter);
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

  #topicName(what: string): boolean {
    const start = this.at + 2;
    if (!this.#text(what)) return false;
    const refusal = checkTopicName(this.buffer, start, this.at, Number.MAX_SAFE_INTEGER);
    if (typeof refusal === "number") return true;
    return this.#refuse(ReasonCode.TopicNameInvalid, `invalid ${what} (${refusal})`);
  }

  #hasWildcard(start: number): boolean {
    for (let at = start; at < this.at; at++) {
      if (this.buffer[at] === 0x2b || this.buffer[at] === 0x23) return true;
    }
    return false;
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
