import type { HookAnswer } from "../../plugin/answer.ts";
import type { Hooks, SessionIdentity, TopicRequest } from "../../plugin/hook.ts";
import type { Plugin, PluginContext } from "../../plugin/plugin.ts";
import { logProblems, PluginFile, type PluginFileOptions } from "../../plugin/plugin-file.ts";
import type { Topic } from "../../plugin/topics.ts";
import { type ParsedAcl, parseAcl } from "./acl-file.ts";
import { AclRules } from "./acl-rules.ts";

const NEXT = Object.freeze({ kind: "next" });
const OK = Object.freeze({ kind: "ok" });

/** vmq_acl: who may publish and subscribe to what, from a file that is read again when it changes. */
export class AclPlugin implements Plugin {
  readonly name = "vmq_acl";
  readonly hooks: Hooks;
  readonly #file: PluginFile;
  #rules: AclRules;
  /** Whether rules were read since the start: then a bad file leaves them as they are. */
  #hasRules: boolean;

  /** `vmq_acl.acl_file` and `vmq_acl.acl_reload_interval` */
  constructor(options: PluginFileOptions) {
    this.#file = new PluginFile(options, {
      file: "vmq_acl.acl_file",
      reloadInterval: "vmq_acl.acl_reload_interval",
    });
    this.#rules = new AclRules();
    this.#hasRules = false;
    const publish = (request: Parameters<NonNullable<Hooks["auth_on_publish"]>>[0]) =>
      this.#rules.mayPublish(request, request.topic) ? OK : NEXT;
    const subscribe = <Wanted extends TopicRequest>(
      request: SessionIdentity & { readonly topics: readonly Wanted[] },
    ) => this.#subscribe(request);
    this.hooks = {
      change_config: ({ changed }) => this.#file.changeConfig(changed),
      auth_on_publish: publish,
      auth_on_publish_m5: publish,
      auth_on_subscribe: subscribe,
      auth_on_subscribe_m5: subscribe,
    };
  }

  /** The quick form of publishing: undefined leaves it to other plugins. */
  authorizePublish = (identity: SessionIdentity, topic: Topic): boolean | undefined =>
    this.#rules.mayPublish(identity, topic.text) || undefined;

  /** Reads the file; until then, and when it cannot be read, nothing is allowed. */
  async start(context: PluginContext): Promise<void> {
    this.#rules = new AclRules();
    this.#hasRules = false;
    await this.#file.start(context, {
      parse: parseAcl,
      loaded: (parsed, path) => this.#load(parsed, path, context),
      unreadable: (path, problem) => {
        const message = `can't read the ACL file ${path}: ${problem}; ${this.#consequence()}`;
        context.logger.error("acl_unreadable", message);
        return [message];
      },
    });
  }

  stop(): void {
    this.#file.stop();
  }

  /** Looks at the file now instead of when the interval is over. */
  reload(): Promise<readonly string[]> {
    return this.#file.reload();
  }

  #load({ rules, problems }: ParsedAcl, path: string, context: PluginContext): readonly string[] {
    const wrong: string[] = [];
    if (problems.length > 0) {
      const { count, lines } = logProblems(context.logger, "acl_line", path, problems);
      const consequence = this.#hasRules ? this.#consequence() : "only its good lines count";
      const refusal = `the ACL file ${path} has ${count}; ${consequence}`;
      context.logger.error("acl_refused", refusal);
      wrong.push(...lines, refusal);
      if (this.#hasRules) return wrong;
    }
    this.#rules = rules;
    this.#hasRules = true;
    context.invalidate();
    context.logger.info("acl_loaded", `the ACL file ${path} is loaded`);
    return wrong;
  }

  #consequence(): string {
    return this.#hasRules ? "the rules read before stay in force" : "nothing is allowed";
  }

  /** Judges each filter on its own; null leaves one to the next plugin. */
  #subscribe<Wanted extends TopicRequest>(
    request: SessionIdentity & { readonly topics: readonly Wanted[] },
  ): HookAnswer<{ topics: readonly (Wanted | null)[] }> {
    let allowed = 0;
    const topics = request.topics.map((wanted) => {
      if (!this.#rules.maySubscribe(request, wanted.topic)) return null;
      allowed++;
      return wanted;
    });
    if (allowed === 0) return NEXT;
    return allowed === topics.length ? OK : { kind: "ok", modifiers: { topics } };
  }
}
