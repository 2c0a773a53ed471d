import type { Publication } from "../mqtt/publication.ts";
import type { HookProperties, UserProperty } from "../plugin/properties.ts";

const PAYLOAD_FORMAT = 0x01;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const USER_PROPERTY = 0x26;

/** The properties of a PUBLISH as hooks see them. The bytes have been checked by the decoder. */
export function readEndToEndProperties(publication: Publication): HookProperties {
  const { propertyBuffer: buffer, propertyEnd } = publication;
  const properties: { -readonly [Name in keyof HookProperties]: HookProperties[Name] } = {};
  const users: UserProperty[] = [];
  let at = publication.propertyStart;
  const bytes = (): Buffer => {
    const start = at + 2;
    at = start + buffer.readUInt16BE(at);
    return Buffer.from(buffer.subarray(start, at));
  };
  while (at < propertyEnd) {
    switch (buffer[at++]) {
      case PAYLOAD_FORMAT:
        properties.payloadFormatIndicator = buffer[at++] === 1;
        break;
      case CONTENT_TYPE:
        properties.contentType = bytes().toString();
        break;
      case RESPONSE_TOPIC:
        properties.responseTopic = bytes().toString();
        break;
      case CORRELATION_DATA:
        properties.correlationData = bytes();
        break;
      case USER_PROPERTY:
        users.push([bytes().toString(), bytes().toString()]);
        break;
      default:
        at = propertyEnd;
    }
  }
  if (users.length > 0) properties.userProperties = users;
  if (publication.expiryInterval >= 0) properties.messageExpiryInterval = publication.expiryInterval;
  return properties;
}

/** The wire bytes of the properties that are passed on, see `Message.propertyStart`. */
export function writeEndToEndProperties(properties: HookProperties): Buffer {
  const parts: Buffer[] = [];
  const field = (id: number | null, value: Buffer): void => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(value.length);
    if (id !== null) parts.push(Buffer.from([id]));
    parts.push(length, value);
  };
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  if (payloadFormatIndicator !== undefined) {
    parts.push(Buffer.from([PAYLOAD_FORMAT, payloadFormatIndicator ? 1 : 0]));
  }
  if (contentType !== undefined) field(CONTENT_TYPE, Buffer.from(contentType));
  if (responseTopic !== undefined) field(RESPONSE_TOPIC, Buffer.from(responseTopic));
  if (correlationData !== undefined) field(CORRELATION_DATA, correlationData);
  for (const [name, value] of userProperties ?? []) {
    field(USER_PROPERTY, Buffer.from(name));
    field(null, Buffer.from(value));
  }
  return Buffer.concat(parts);
}
