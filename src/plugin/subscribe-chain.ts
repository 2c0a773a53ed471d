import { type ChainResult, EXHAUSTED, type HookError, NO_HOOK, OK } from "./answer.ts";
import { DecidingChain } from "./deciding-chain.ts";
import type { DecidingHookName, TopicRequest } from "./hook.ts";
import type { ModifierGuard } from "./modifier-check.ts";
import type { PluginRuntime } from "./runtime.ts";

/** What an implementation answers: null leaves that filter to the next one. */
export interface PartlyGranted<Granted> {
  readonly topics: readonly (Granted | null)[];
}

/** What the chain answers: every filter of the packet, in packet order, granted or refused (QoS from 128). */
export interface FullyGranted<Granted> {
  readonly topics: readonly Granted[];
}

/** How a refused filter looks in the answer; `error` is null when no implementation wanted it. */
export type Refuse<Granted> = (wanted: Granted, error: HookError | null) => Granted;

type Result<Granted> = ChainResult<FullyGranted<Granted>>;

/**
 * The chain of `auth_on_subscribe` and its MQTT 5 form. Each filter of a SUBSCRIBE is judged on its own: an
 * implementation may decide some, and the following ones are asked about those still open. What nobody allows is
 * refused. When nothing at all was decided the chain is exhausted, or ends with the error that stopped it.
 */
export class SubscribeChain<
  Granted extends TopicRequest,
  Request extends { readonly topics: readonly Granted[] },
> extends DecidingChain<Request, PartlyGranted<Granted>> {
  readonly #refuse: Refuse<Granted>;

  constructor(
    hook: DecidingHookName,
    accepts: ModifierGuard<PartlyGranted<Granted>, Request>,
    refuse: Refuse<Granted>,
    runtime: PluginRuntime,
  ) {
    super(hook, accepts, runtime);
    this.#refuse = refuse;
  }

  override run(request: Request): Result<Granted> | Promise<Result<Granted>> {
    if (this.isEmpty) return NO_HOOK;
    const decided: (Granted | null)[] = request.topics.map(() => null);
    return this.#ask(0, request, decided, this.implementations);
  }

  #ask(
    first: number,
    request: Request,
    decided: (Granted | null)[],
    implementations: typeof this.implementations,
  ): Result<Granted> | Promise<Result<Granted>> {
    for (let index = first; index < implementations.length; index++) {
      const implementation = implementations[index];
      if (implementation === undefined) break;
      const step = this.ask(implementation, this.#open(request, decided));
      if (step instanceof Promise) {
        return step.then(
          (late) =>
            this.#take(late, request, decided) ?? this.#ask(index + 1, request, decided, implementations),
        );
      }
      const end = this.#take(step, request, decided);
      if (end !== null) return end;
    }
    return this.#finish(request, decided, null);
  }

  /** The request with the open filters only. */
  #open(request: Request, decided: readonly (Granted | null)[]): Request {
    if (decided.every((topic) => topic === null)) return request;
    return { ...request, topics: request.topics.filter((_, index) => decided[index] === null) };
  }

  /** Notes what one implementation decided; not null when that ends the chain. */
  #take(
    step: ChainResult<PartlyGranted<Granted>> | null,
    request: Request,
    decided: (Granted | null)[],
  ): Result<Granted> | null {
    if (step === null) return null;
    if (step.kind === "error") return this.#finish(request, decided, step);
    if (step.modifiers === null && decided.every((topic) => topic === null)) return OK;
    let position = 0;
    for (const [index, wanted] of request.topics.entries()) {
      if (decided[index] !== null) continue;
      decided[index] = step.modifiers === null ? wanted : (step.modifiers.topics[position] ?? null);
      position++;
    }
    return decided.includes(null) ? null : this.#finish(request, decided, null);
  }

  #finish(request: Request, decided: readonly (Granted | null)[], error: HookError | null): Result<Granted> {
    if (decided.every((topic) => topic === null)) return error ?? EXHAUSTED;
    const topics = request.topics.map((wanted, index) => decided[index] ?? this.#refuse(wanted, error));
    return { kind: "ok", modifiers: { topics } };
  }
}
