/** Other people's clients. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { haveMosquittoClients, mosquittoPub, mosquittoSub, mqttJs } from "../support/clients.ts";
import { BrokerUnderTest } from "../support/suite.ts";

const mosquitto = (await haveMosquittoClients()) ? false : "mosquitto-clients is not installed";

describe("clients", () => {
  const suite = new BrokerUnderTest();

  for (const version of ["mqttv31", "mqttv311", "mqttv5"]) {
    test(`mosquitto_pub and mosquitto_sub, ${version}`, { skip: mosquitto }, async () => {
      const topic = suite.name();
      const sub = mosquittoSub(suite.port, [
        "-V",
        version,
        "-t",
        `${topic}/#`,
        "-q",
        "2",
        "-C",
        "4",
        "-F",
        "%t %q %r %p",
      ]);
      await sub.ready;
      for (const qos of ["0", "1", "2"]) {
        const made = await mosquittoPub(suite.port, [
          "-V",
          version,
          "-t",
          `${topic}/${qos}`,
          "-q",
          qos,
          "-m",
          "hello",
        ]);
        assert.deepEqual([made.code, made.stderr], [0, ""]);
      }
      await mosquittoPub(suite.port, ["-V", version, "-t", `${topic}/r`, "-q", "1", "-r", "-m", "kept"]);
      // It prints a QoS 2 message when its handshake is complete.
      assert.deepEqual((await sub.lines).sort(), [
        `${topic}/0 0 0 hello`,
        `${topic}/1 1 0 hello`,
        `${topic}/2 2 0 hello`,
        `${topic}/r 1 0 kept`,
      ]);
      const late = mosquittoSub(suite.port, [
        "-V",
        version,
        "-t",
        `${topic}/#`,
        "-q",
        "1",
        "-C",
        "1",
        "-F",
        "%t %q %r %p",
      ]);
      assert.deepEqual(await late.lines, [`${topic}/r 1 1 kept`]);
    });
  }

  test("mosquitto_pub: properties and a will", { skip: mosquitto }, async () => {
    const topic = suite.name();
    const sub = mosquittoSub(suite.port, [
      "-V",
      "5",
      "-t",
      topic,
      "-q",
      "1",
      "-C",
      "1",
      "-F",
      "%C %R %D %P %p",
    ]);
    await sub.ready;
    await mosquittoPub(suite.port, [
      ...["-V", "5", "-t", topic, "-q", "1", "-m", "x"],
      ...["-D", "publish", "content-type", "ct", "-D", "publish", "response-topic", "rt"],
      ...["-D", "publish", "correlation-data", "cd", "-D", "publish", "user-property", "k", "v"],
    ]);
    assert.deepEqual(await sub.lines, ["ct rt cd k:v x"]);
  });

  for (const protocolVersion of [3, 4, 5] as const) {
    test(`MQTT.js, version ${protocolVersion} [MQTT3-7.0.0-2]`, async () => {
      const topic = suite.name();
      const client = await mqttJs(suite.port, {
        protocolVersion,
        clientId: suite.name("c"),
        ...(protocolVersion === 3 ? { protocolId: "MQIsdp" } : {}),
      });
      const got: string[] = [];
      const complete = new Promise<void>((resolve) => {
        client.on("message", (from, payload, packet) => {
          got.push(`${from} ${packet.qos} ${payload}`);
          if (got.length === 3) resolve();
        });
      });
      await client.subscribeAsync(`${topic}/+`, { qos: 2 });
      for (const qos of [0, 1, 2] as const) await client.publishAsync(`${topic}/${qos}`, "hello", { qos });
      await complete;
      assert.deepEqual(got, [`${topic}/0 0 hello`, `${topic}/1 1 hello`, `${topic}/2 2 hello`]);
      await client.unsubscribeAsync(`${topic}/+`);
      await client.endAsync();
    });
  }
});
