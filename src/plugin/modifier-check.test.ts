import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptsError, MODIFIER_GUARDS } from "./modifier-check.ts";

const TWO_TOPICS = { topics: ["x", "y"] };

/** The problem that the guard reports, or null when it accepts. */
function problem(hook: keyof typeof MODIFIER_GUARDS, value: unknown): string | null {
  let reported: string | null = null;
  const report = (text: string) => {
    reported = text;
  };
  const accepted = MODIFIER_GUARDS[hook](value, TWO_TOPICS, report);
  assert.equal(accepted, reported === null);
  return reported;
}

const good: [keyof typeof MODIFIER_GUARDS, unknown][] = [
  ["auth_on_register", {}],
  ["auth_on_register", { username: undefined }],
  [
    "auth_on_register",
    {
      allowRegister: true,
      maxMessageSize: 0,
      maxConnectionLifetime: 60,
      subscriberId: { clientId: "c", mountpoint: "" },
      username: "u",
      cleanSession: false,
      sharedSubscriptionPolicy: "random",
      retryInterval: 20_000,
      maxOnlineMessages: -1,
      queueType: "lifo",
    },
  ],
  ["auth_on_register_m5", { properties: { userProperties: [["a", "b"]], maximumQoS: 1 } }],
  ["auth_on_publish", { topic: "a/b", payload: Buffer.from("x"), qos: 2, retain: false, throttle: 10 }],
  ["auth_on_publish_m5", { properties: { messageExpiryInterval: 5, payloadFormatIndicator: true } }],
  ["auth_on_subscribe", { topics: [{ topic: "a/#", qos: 128 }, null] }],
  [
    "auth_on_subscribe_m5",
    {
      topics: [
        { topic: "a", qos: 135 },
        { topic: "b", qos: 0, retainHandling: 2 },
      ],
    },
  ],
  ["on_unsubscribe", { topics: ["a", "b"] }],
  ["on_deliver", { topic: "a", payload: Buffer.alloc(0) }],
  ["on_auth_m5", { reasonCode: 24, properties: { authenticationData: Buffer.alloc(1) } }],
];

const bad: [keyof typeof MODIFIER_GUARDS, unknown, RegExp][] = [
  ["auth_on_register", null, /must be an object/],
  ["auth_on_register", [], /must be an object/],
  ["auth_on_register", { unknown: 1 }, /unknown key "unknown"/],
  ["auth_on_register", { constructor: 1 }, /unknown key/],
  ["auth_on_register", { properties: {} }, /unknown key/],
  ["auth_on_register", { allowPublish: 1 }, /allowPublish must be true or false/],
  ["auth_on_register", { maxMessageSize: -1 }, /whole number/],
  ["auth_on_register", { maxMessageSize: 1.5 }, /whole number/],
  ["auth_on_register", { maxMessageSize: "1" }, /whole number/],
  ["auth_on_register", { subscriberId: { clientId: "c" } }, /must have mountpoint/],
  ["auth_on_register", { subscriberId: { clientId: "", mountpoint: "" } }, /empty/],
  ["auth_on_register", { username: "a\0" }, /U\+0000/],
  ["auth_on_register", { sharedSubscriptionPolicy: "all" }, /one of/],
  ["auth_on_register_m5", { properties: { maximumQoS: 2 } }, /one of 0, 1/],
  ["auth_on_register_m5", { properties: { userProperties: { a: "b" } } }, /pairs/],
  ["auth_on_publish", { topic: "a/+" }, /without wildcards/],
  ["auth_on_publish", { topic: "" }, /empty/],
  ["auth_on_publish", { payload: "text" }, /Buffer/],
  ["auth_on_publish", { qos: 3 }, /0 to 2/],
  ["auth_on_publish", { properties: {} }, /unknown key/],
  ["auth_on_subscribe", { topics: [{ topic: "a", qos: 0 }] }, /2 entries/],
  ["auth_on_subscribe", { topics: [{ topic: "a", qos: 135 }, null] }, /one of/],
  ["auth_on_subscribe", {}, /must have topics/],
  ["auth_on_subscribe_m5", { topics: [{ topic: "a", qos: 3 }, null] }, /reason code/],
  ["auth_on_subscribe_m5", { topics: [{ topic: "a", qos: 256 }, null] }, /reason code/],
  ["auth_on_subscribe", { topics: [{ topic: "a/#/b", qos: 0 }, null] }, /valid topic filter/],
  ["on_unsubscribe_m5", { topics: ["a", 1] }, /valid topic filter/],
  ["on_unsubscribe", { topics: ["a", "$share/g"] }, /valid topic filter/],
  ["on_deliver", { qos: 1 }, /unknown key/],
  ["on_deliver_m5", { properties: { messageExpiryInterval: 1 } }, /unknown key/],
  ["on_auth_m5", {}, /must have reasonCode/],
  ["on_auth_m5", { reasonCode: 25 }, /one of 0, 24/],
];

test("proper modifiers are accepted", () => {
  for (const [hook, value] of good)
    assert.equal(problem(hook, value), null, `${hook} ${JSON.stringify(value)}`);
});

test("an unknown key or a wrong value is refused with the reason", () => {
  for (const [hook, value, reason] of bad) {
    assert.match(problem(hook, value) ?? "accepted", reason, `${hook} ${JSON.stringify(value)}`);
  }
});

test("a refusal has a reason and codes that mean refusal", () => {
  const accepted = (value: unknown) => acceptsError(value, () => {});
  assert.equal(
    accepted({ kind: "error", reason: "x", reasonCode: 0x80, userProperties: [["a", "b"]] }),
    true,
  );
  assert.equal(accepted({ kind: "error", reason: "x", reasonCode: 0x7f }), false);
  assert.equal(accepted({ kind: "error", reason: "" }), false);
  assert.equal(accepted({ kind: "error", reason: "x", reasonString: 5 }), false);
});
