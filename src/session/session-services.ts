import type { Clock } from "../clock/clock.ts";
import type { TimerWheel } from "../clock/timer-wheel.ts";
import type { Logger } from "../log/logger.ts";
import type { Counters } from "../metrics/counters.ts";
import type { Publication } from "../mqtt/publication.ts";
import type { HookChains } from "../plugin/chains.ts";
import type { Mountpoint } from "../registry/mountpoint.ts";
import type { Registry } from "../registry/registry.ts";
import type { MessageStore } from "../store/participant.ts";
import type { ConnectGate } from "./connect-gate.ts";
import type { FlappingDetector } from "./flapping.ts";
import type { Newcomers } from "./newcomers.ts";
import type { PublishWriter } from "./publish-writer.ts";
import type { ListenerRules, SessionSettings } from "./settings.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** What the sessions of one listener work with. */
export interface SessionServices {
  readonly settings: { readonly value: SessionSettings };
  readonly listener: ListenerRules;
  readonly chains: HookChains;
  readonly registry: Registry;
  readonly store: MessageStore;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Logger;
  readonly writer: PublishWriter;
  /** The reused publication of the thread. */
  readonly publication: Publication;
  mountpoint(name: string): Mountpoint;
  readonly gate: ConnectGate;
  readonly newcomers: Newcomers;
  readonly flapping: FlappingDetector;
  readonly turn: TurnBudget;
  /** The longest packet before CONNECT is accepted, bytes. */
  readonly maxConnectSize: { readonly value: number };
}
