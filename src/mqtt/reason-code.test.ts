import assert from "node:assert/strict";
import { test } from "node:test";
import { ReasonCode, reasonCodeName, returnCodeOf } from "./reason-code.ts";

test("reason codes have names in words", () => {
  assert.equal(reasonCodeName(0x82), "protocol error (0x82)");
  assert.equal(reasonCodeName(0x00), "success (0x00)");
  assert.equal(reasonCodeName(0x86), "bad user name or password (0x86)");
  assert.equal(reasonCodeName(0x9b), "QoS not supported (0x9B)");
  assert.equal(reasonCodeName(0x02), "granted QoS2 (0x02)");
  assert.equal(reasonCodeName(0x7f), "0x7F");
  assert.equal(reasonCodeName(300), "0x12C");
});

test("CONNACK return codes before MQTT 5", () => {
  assert.equal(returnCodeOf(ReasonCode.Success), 0);
  assert.equal(returnCodeOf(ReasonCode.UnsupportedProtocolVersion), 1);
  assert.equal(returnCodeOf(ReasonCode.ClientIdentifierNotValid), 2);
  assert.equal(returnCodeOf(ReasonCode.ServerBusy), 3);
  assert.equal(returnCodeOf(ReasonCode.BadUserNameOrPassword), 4);
  assert.equal(returnCodeOf(ReasonCode.NotAuthorized), 5);
  assert.equal(returnCodeOf(ReasonCode.MalformedPacket), undefined);
});
