import type { HookError } from "./answer.ts";
import type { HookName } from "./hook.ts";
import type {
  AuthModifiers,
  DeliverModifiers,
  DeliverModifiersM5,
  PublishModifiers,
  PublishModifiersM5,
  RegisterModifiers,
  RegisterModifiersM5,
  SubscribeModifiers,
  SubscribeModifiersM5,
  UnsubscribeModifiers,
} from "./modifiers.ts";
import { parseTopicFilter } from "./topics.ts";

/** What is wrong with a value, or null. */
type Check = (value: unknown) => string | null;
type Fields = Readonly<Record<string, Check>>;

/**
 * Whether modifiers are complete and right; the first problem is told to `report`. An unknown key or a value of the
 * wrong type makes the whole answer an error: what a plugin meant is never guessed.
 */
export type ModifierGuard<Modifiers, Request> = (
  value: unknown,
  request: Request,
  report: (problem: string) => void,
) => value is Modifiers;

const LARGEST_INTEGER = 0xffffffff;

const flag: Check = (value) => (typeof value === "boolean" ? null : "must be true or false");
const text: Check = (value) => {
  if (typeof value !== "string") return "must be a text";
  if (!value.isWellFormed() || value.includes("\0")) return "must be well-formed text without U+0000";
  return Buffer.byteLength(value) > 0xffff ? "must not be longer than 65535 bytes" : null;
};
const nonEmptyText: Check = (value) => text(value) ?? (value === "" ? "must not be empty" : null);
const bytes: Check = (value) => (Buffer.isBuffer(value) ? null : "must be a Buffer");
const binary: Check = (value) =>
  Buffer.isBuffer(value) && value.length <= 0xffff ? null : "must be a Buffer of at most 65535 bytes";
const topicName: Check = (value) =>
  nonEmptyText(value) ?? (/[+#]/.test(String(value)) ? "must be a topic without wildcards" : null);

const topicFilter: Check = (value) =>
  typeof value === "string" && typeof parseTopicFilter(value) !== "string"
    ? null
    : "must be a valid topic filter";

function integer(lowest: number, highest: number): Check {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= lowest && value <= highest
      ? null
      : `must be a whole number from ${lowest} to ${highest}`;
}

function oneOf(...names: readonly (string | number)[]): Check {
  return (value) => (names.some((name) => name === value) ? null : `must be one of ${names.join(", ")}`);
}

const userProperties: Check = (value) => {
  if (!Array.isArray(value)) return "must be a list of [name, value] pairs";
  for (const pair of value) {
    if (!Array.isArray(pair) || pair.length !== 2 || text(pair[0]) !== null || text(pair[1]) !== null) {
      return "must be a list of [name, value] pairs of texts";
    }
  }
  return null;
};

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

/** An object with no other keys than these; a key whose value is undefined counts as absent. */
function object(fields: Fields, required: readonly string[] = []): Check {
  return (value) => {
    if (!isObject(value)) return "must be an object";
    for (const key of required) if (value[key] === undefined) return `must have ${key}`;
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (check === undefined) return `has the unknown key ${JSON.stringify(key.slice(0, 64))}`;
      const problem = check(member);
      if (problem !== null) return `${key} ${problem}`;
    }
    return null;
  };
}

function list(item: Check, length: number): Check {
  return (value) => {
    if (!Array.isArray(value)) return "must be a list";
    if (value.length !== length) return `must have ${length} entries, as many as were asked`;
    for (const member of value) {
      const problem = item(member);
      if (problem !== null) return `entry ${problem}`;
    }
    return null;
  };
}

const seconds = integer(0, LARGEST_INTEGER);
const count = integer(0, LARGEST_INTEGER);
const limit = integer(-1, LARGEST_INTEGER);

const REGISTER: Fields = {
  allowRegister: flag,
  allowPublish: flag,
  allowSubscribe: flag,
  allowUnsubscribe: flag,
  maxMessageSize: count,
  maxConnectionLifetime: seconds,
  subscriberId: object({ mountpoint: text, clientId: nonEmptyText }, ["mountpoint", "clientId"]),
  username: text,
  cleanSession: flag,
  maxMessageRate: count,
  maxInflightMessages: count,
  sharedSubscriptionPolicy: oneOf("prefer_local", "random", "local_only", "prefer_online_before_local"),
  retryInterval: count,
  upgradeQos: flag,
  maxOnlineMessages: limit,
  maxOfflineMessages: limit,
  queueType: oneOf("fifo", "lifo"),
  maxDrainTime: count,
  maxMsgsPerDrainStep: count,
};
const REGISTER_M5: Fields = {
  ...REGISTER,
  properties: object({
    userProperties,
    sessionExpiryInterval: seconds,
    maximumQoS: oneOf(0, 1),
    retainAvailable: flag,
    wildcardSubscriptionAvailable: flag,
    sharedSubscriptionAvailable: flag,
    subscriptionIdentifiersAvailable: flag,
    responseInformation: text,
    serverKeepAlive: integer(0, 65_535),
  }),
};
const PUBLISH: Fields = {
  topic: topicName,
  payload: bytes,
  qos: integer(0, 2),
  retain: flag,
  mountpoint: text,
  throttle: integer(0, 3_600_000),
};
const DELIVER_PROPERTIES: Fields = {
  userProperties,
  contentType: text,
  payloadFormatIndicator: flag,
  responseTopic: topicName,
  correlationData: binary,
};
const PUBLISH_M5: Fields = {
  ...PUBLISH,
  properties: object({
    ...DELIVER_PROPERTIES,
    messageExpiryInterval: seconds,
    willDelayInterval: seconds,
  }),
};
const DELIVER: Fields = { topic: topicName, payload: bytes };
const DELIVER_M5: Fields = { ...DELIVER, properties: object(DELIVER_PROPERTIES) };

/** A granted QoS, or the code of a refusal. */
const grantedV3: Check = oneOf(0, 1, 2, 0x80);
const grantedM5: Check = (value) =>
  oneOf(0, 1, 2)(value) === null ? null : integer(0x80, 0xff)(value) && "must be 0, 1, 2 or a reason code";
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null ? null : check(value);
const TOPIC = orNull(object({ topic: topicFilter, qos: grantedV3 }, ["topic", "qos"]));
const TOPIC_M5 = orNull(
  object(
    {
      topic: topicFilter,
      qos: grantedM5,
      noLocal: flag,
      retainAsPublished: flag,
      retainHandling: integer(0, 2),
    },
    ["topic", "qos"],
  ),
);

const AUTH: Fields = {
  reasonCode: oneOf(0, 24),
  properties: object({
    authenticationMethod: nonEmptyText,
    authenticationData: binary,
    reasonString: text,
    userProperties,
  }),
};

function guard<Modifiers, Request = unknown>(
  checkFor: (request: Request) => Check,
): ModifierGuard<Modifiers, Request> {
  return (value, request, report): value is Modifiers => {
    const problem = checkFor(request)(value);
    if (problem !== null) report(problem);
    return problem === null;
  };
}

function fixed<Modifiers>(check: Check): ModifierGuard<Modifiers, unknown> {
  return guard<Modifiers>(() => check);
}

interface Topics {
  readonly topics: readonly unknown[];
}

function perTopic<Modifiers>(item: Check): ModifierGuard<Modifiers, Topics> {
  return guard<Modifiers, Topics>((request) =>
    object({ topics: list(item, request.topics.length) }, ["topics"]),
  );
}

/** One guard per deciding hook. */
export const MODIFIER_GUARDS = {
  auth_on_register: fixed<RegisterModifiers>(object(REGISTER)),
  auth_on_register_m5: fixed<RegisterModifiersM5>(object(REGISTER_M5)),
  auth_on_publish: fixed<PublishModifiers>(object(PUBLISH)),
  auth_on_publish_m5: fixed<PublishModifiersM5>(object(PUBLISH_M5)),
  auth_on_subscribe: perTopic<SubscribeModifiers>(TOPIC),
  auth_on_subscribe_m5: perTopic<SubscribeModifiersM5>(TOPIC_M5),
  on_unsubscribe: perTopic<UnsubscribeModifiers>(topicFilter),
  on_unsubscribe_m5: perTopic<UnsubscribeModifiers>(topicFilter),
  on_deliver: fixed<DeliverModifiers>(object(DELIVER)),
  on_deliver_m5: fixed<DeliverModifiersM5>(object(DELIVER_M5)),
  on_auth_m5: fixed<AuthModifiers>(object(AUTH, ["reasonCode"])),
} satisfies Partial<Record<HookName, unknown>>;

const ERROR: Check = object(
  {
    kind: oneOf("error"),
    reason: nonEmptyText,
    reasonCode: integer(0x80, 0xff),
    reasonString: text,
    serverReference: text,
    userProperties,
  },
  ["reason"],
);

/** Whether an answer is a proper refusal; the first problem is told to `report`. */
export function acceptsError(value: unknown, report: (problem: string) => void): value is HookError {
  const problem = ERROR(value);
  if (problem !== null) report(problem);
  return problem === null;
}
