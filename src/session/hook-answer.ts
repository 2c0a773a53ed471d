import type { Session } from "./session.ts";
import { Phase } from "./session-output.ts";
import { Pause } from "./session-reading.ts";

/**
 * Goes on with what a chain of hooks has answered, at once or when it comes. Until then the connection is not read, so
 * that its packets stay in order; if it has ended meanwhile the answer is of no use any more.
 */
export function whenAnswered<Answer extends object>(
  session: Session,
  answer: Answer | Promise<Answer>,
  proceed: (answer: Answer) => void,
): void {
  if (!(answer instanceof Promise)) {
    proceed(answer);
    return;
  }
  session.pause(Pause.Hook);
  // Chains never reject.
  void answer.then((late) => {
    if (session.phase === Phase.Closed) return;
    try {
      proceed(late);
    } catch (error) {
      session.onFault(error);
    }
    session.unpause(Pause.Hook);
  });
}
