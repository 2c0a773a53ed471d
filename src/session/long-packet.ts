import type { Subscriber } from "../registry/subscriber.ts";
import type { Session } from "./session.ts";
import { Phase } from "./session-output.ts";
import { Pause } from "./session-reading.ts";
import { MOST_FILTERS } from "./turn-budget.ts";

/** Begins with a packet that has so many filters: of many, in the next turn, because reading them was work enough. */
export function beginFilters(session: Session, count: number, proceed: () => void): void {
  if (count <= MOST_FILTERS) {
    proceed();
    return;
  }
  session.pause(Pause.Turn);
  setImmediate(() => {
    if (session.phase === Phase.Closed) return;
    try {
      proceed();
    } catch (error) {
      session.onFault(error);
    }
    session.unpause(Pause.Turn);
  });
}

/**
 * Does `step` for each of the filters of a packet, then `finish`. Of many, a few in each turn: meanwhile the connection
 * is not read, so that its packets stay in order. When it ends, or another one takes the session over, the filters that
 * are left are left out; `finish` is called all the same, unless the session has ended too.
 */
export function forEachFilter(
  session: Session,
  subscriber: Subscriber,
  count: number,
  step: (index: number) => void,
  finish: () => void,
): void {
  if (count <= MOST_FILTERS) {
    for (let index = 0; index < count; index++) step(index);
    finish();
    return;
  }
  session.pause(Pause.Filters);
  session.services.registry.startWork(subscriber, filterByFilter(session, subscriber, count, step, finish));
}

function* filterByFilter(
  session: Session,
  subscriber: Subscriber,
  count: number,
  step: (index: number) => void,
  finish: () => void,
): Generator<void> {
  try {
    for (let index = 0; index < count; index++) {
      if (!session.connected) break;
      step(index);
      yield;
    }
    if (!subscriber.ended) finish();
  } catch (error) {
    session.onFault(error);
  }
  session.unpause(Pause.Filters);
}
