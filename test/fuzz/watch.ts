/** What must hold at every moment of an attack: a fresh client is served, memory is bounded, the process lives. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../support/broker.ts";
import { RawClient } from "../support/raw-client.ts";

/** A fresh client is served within this. */
export const patienceMs = 2_000;

export class Watch {
  readonly broker: Broker;
  readonly waits: number[] = [];
  peakBytes = 0;
  #stop = false;
  #failure: Error | undefined;
  #loop: Promise<void> | undefined;

  constructor(broker: Broker) {
    this.broker = broker;
  }

  start(): void {
    this.#stop = false;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#stop && this.#failure === undefined; i++) {
      try {
        await this.probe(`probe${i}`);
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
      this.peakBytes = Math.max(this.peakBytes, this.broker.memory());
      await delay(100);
    }
  }

  /** Connects, subscribes, publishes at QoS 1, receives, disconnects. */
  async probe(clientId: string): Promise<void> {
    const from = performance.now();
    const client = await RawClient.connect(this.broker.port, {
      version: 5,
      clientId,
      deadlineMs: patienceMs,
    });
    await client.subscribe(`probe/${clientId}`, 1);
    await client.publish(`probe/${clientId}`, "x", { qos: 1 });
    await client.receive({ payload: "x" });
    const took = performance.now() - from;
    this.waits.push(took);
    await client.disconnect();
    assert.ok(took < patienceMs, `a fresh client waited ${Math.round(took)} ms`);
  }

  /** Ends the watch; throws what it has seen. `bytes` bounds the broker's resident memory. */
  async end(bytes: number): Promise<void> {
    this.#stop = true;
    await this.#loop;
    if (this.#failure !== undefined) throw this.#failure;
    await this.probe("last");
    const sorted = this.waits.toSorted((a, b) => a - b);
    const megabytes = (count: number) => Math.round(count / 1_048_576);
    console.log(
      `${sorted.length} fresh clients: p50 ${sorted[sorted.length >> 1]?.toFixed(1)} ms, longest ${sorted.at(-1)?.toFixed(1)} ms; peak memory ${megabytes(this.peakBytes)} MB`,
    );
    assert.ok(
      this.peakBytes < bytes,
      `the broker used ${megabytes(this.peakBytes)} MB, allowed are ${megabytes(bytes)}`,
    );
  }
}
