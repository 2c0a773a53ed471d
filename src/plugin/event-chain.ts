import type { EventHookName } from "./hook.ts";
import { type Implementation, isThenable, isTransient, secretOf } from "./implementation.ts";
import { describeFailure, logFailure, type PluginRuntime } from "./runtime.ts";

/** Promises of one implementation that may be open at a time; a plugin that does not keep up loses events, not memory. */
const MOST_PENDING = 10_000;

class Listener<Event> {
  readonly implementation: Implementation<Event>;
  pending: number;

  constructor(implementation: Implementation<Event>) {
    this.implementation = implementation;
    this.pending = 0;
  }
}

/**
 * A chain of kind `all`: every implementation is told, in order, and nobody waits for an answer. A failing one is
 * logged and the others are told all the same.
 */
export class EventChain<Event extends object> {
  readonly hook: EventHookName;
  /** No plugin implements the hook: ask this before making the event. */
  isEmpty: boolean;
  #listeners: readonly Listener<Event>[];
  readonly #runtime: PluginRuntime;

  constructor(hook: EventHookName, runtime: PluginRuntime) {
    this.hook = hook;
    this.isEmpty = true;
    this.#listeners = [];
    this.#runtime = runtime;
  }

  /** Replaces the implementations; those that stay keep the count of their unfinished events. */
  replace(implementations: readonly Implementation<Event>[]): void {
    const known = this.#listeners;
    this.#listeners = implementations.map(
      (implementation) =>
        known.find((listener) => listener.implementation === implementation) ?? new Listener(implementation),
    );
    this.isEmpty = implementations.length === 0;
  }

  /** Tells all implementations. Never throws. */
  run(event: Event): void {
    let kept = false;
    for (const listener of this.#listeners) {
      const { implementation } = listener;
      if (listener.pending >= MOST_PENDING) {
        logFailure(
          this.#runtime,
          implementation.plugin,
          this.hook,
          `${MOST_PENDING} earlier events are unfinished, this one is left out`,
        );
        continue;
      }
      try {
        const answer = implementation.call(event);
        if (!isThenable(answer)) continue;
        if (!kept && isTransient(event)) event.keep();
        kept = true;
        this.#settleLater(listener, event, answer);
      } catch (cause) {
        this.#failed(implementation, event, cause);
      }
    }
    if (!kept && isTransient(event)) event.end();
  }

  #settleLater(listener: Listener<Event>, event: Event, answer: PromiseLike<unknown>): void {
    listener.pending++;
    Promise.resolve(answer).then(
      () => {
        listener.pending--;
      },
      (cause: unknown) => {
        listener.pending--;
        this.#failed(listener.implementation, event, cause);
      },
    );
  }

  #failed(implementation: Implementation<Event>, event: Event, cause: unknown): void {
    logFailure(this.#runtime, implementation.plugin, this.hook, describeFailure(cause, secretOf(event)));
  }
}
