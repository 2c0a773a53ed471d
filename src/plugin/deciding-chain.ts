import { type ChainResult, EXHAUSTED, FAILED, NO_HOOK, OK, TIMED_OUT } from "./answer.ts";
import type { DecidingHookName } from "./hook.ts";
import { type Implementation, isThenable, isTransient, secretOf } from "./implementation.ts";
import { acceptsError, type ModifierGuard } from "./modifier-check.ts";
import { describeFailure, logFailure, type PluginRuntime } from "./runtime.ts";

/** Where the answer of one implementation leads: the end of the chain, or null for the next one. */
type Step<Modifiers> = ChainResult<Modifiers> | null;

/**
 * A chain of kind `all_till_ok`: implementations are asked in order until one answers `ok` or `error`. Whatever goes
 * wrong in an implementation counts as an error, so that access is never granted by accident.
 */
export class DecidingChain<Request extends object, Modifiers> {
  readonly hook: DecidingHookName;
  /** No plugin implements the hook. A plain field for hot paths; changes when plugins are enabled or disabled. */
  isEmpty: boolean;
  protected implementations: readonly Implementation<Request>[];
  protected readonly runtime: PluginRuntime;
  readonly #accepts: ModifierGuard<Modifiers, Request>;

  constructor(hook: DecidingHookName, accepts: ModifierGuard<Modifiers, Request>, runtime: PluginRuntime) {
    this.hook = hook;
    this.isEmpty = true;
    this.implementations = [];
    this.runtime = runtime;
    this.#accepts = accepts;
  }

  /** Replaces the implementations. Runs already begun finish with the old ones. */
  replace(implementations: readonly Implementation<Request>[]): void {
    this.implementations = implementations;
    this.isEmpty = implementations.length === 0;
  }

  /**
   * Asks the chain. The result comes at once when every implementation asked answered at once, else as a promise
   * that never rejects and is settled within the deadline of each implementation.
   */
  run(request: Request): ChainResult<Modifiers> | Promise<ChainResult<Modifiers>> {
    if (this.isEmpty) return NO_HOOK;
    const result = this.#from(0, request, this.implementations);
    if (isTransient(request)) {
      if (result instanceof Promise) request.keep();
      else request.end();
    }
    return result;
  }

  #from(
    first: number,
    request: Request,
    implementations: readonly Implementation<Request>[],
  ): ChainResult<Modifiers> | Promise<ChainResult<Modifiers>> {
    for (let index = first; index < implementations.length; index++) {
      const implementation = implementations[index];
      if (implementation === undefined) break;
      const step = this.ask(implementation, request);
      if (step instanceof Promise) {
        return step.then((late) => late ?? this.#from(index + 1, request, implementations));
      }
      if (step !== null) return step;
    }
    return EXHAUSTED;
  }

  /** Asks one implementation. Never throws or rejects. */
  protected ask(
    implementation: Implementation<Request>,
    request: Request,
  ): Step<Modifiers> | Promise<Step<Modifiers>> {
    let answer: unknown;
    try {
      answer = implementation.call(request);
    } catch (cause) {
      this.#failed(implementation, describeFailure(cause, secretOf(request)));
      return FAILED;
    }
    if (!isThenable(answer)) return this.#judge(implementation, request, answer);
    const pending = answer;
    return new Promise((resolve) => {
      const cancel = this.runtime.timers.after(this.runtime.deadline, () => {
        this.#failed(implementation, `no answer within ${this.runtime.deadline} ms`);
        resolve(TIMED_OUT);
      });
      Promise.resolve(pending).then(
        (late) => {
          cancel();
          resolve(this.#judge(implementation, request, late));
        },
        (cause: unknown) => {
          cancel();
          this.#failed(implementation, describeFailure(cause, secretOf(request)));
          resolve(FAILED);
        },
      );
    });
  }

  #judge(implementation: Implementation<Request>, request: Request, answer: unknown): Step<Modifiers> {
    try {
      if (typeof answer === "object" && answer !== null && "kind" in answer) {
        if (answer.kind === "next") return null;
        if (answer.kind === "ok") {
          const modifiers: unknown = "modifiers" in answer ? answer.modifiers : undefined;
          if (modifiers === undefined || modifiers === null) return OK;
          const report = (problem: string) =>
            this.#failed(implementation, `its modifiers are refused: ${problem}`);
          return this.#accepts(modifiers, request, report) ? { kind: "ok", modifiers } : FAILED;
        }
        if (answer.kind === "error") {
          const report = (problem: string) => this.#failed(implementation, `its error ${problem}`);
          return acceptsError(answer, report) ? answer : FAILED;
        }
      }
      this.#failed(implementation, "its answer is neither ok, next nor error");
    } catch (cause) {
      this.#failed(implementation, describeFailure(cause, secretOf(request)));
    }
    return FAILED;
  }

  #failed(implementation: Implementation<Request>, problem: string): void {
    logFailure(this.runtime, implementation.plugin, this.hook, problem);
  }
}
