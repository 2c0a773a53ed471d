import type { UserProperty } from "./properties.ts";

/** Why a plugin refused. Any text is allowed; these have a meaning of their own. */
export type RefusalReason =
  | "invalid_credentials"
  | "not_authorized"
  | "plugin_chain_exhausted"
  | "no_matching_hook_found"
  | "plugin_failed"
  | "plugin_timeout"
  | (string & {});

/** The refusal of a hook, or of a whole chain. */
export interface HookError {
  readonly kind: "error";
  readonly reason: RefusalReason;
  /** MQTT 5 reason code to send instead of the usual one, 0x80 to 0xFF. Ignored for MQTT 3. */
  readonly reasonCode?: number;
  readonly reasonString?: string;
  readonly serverReference?: string;
  readonly userProperties?: readonly UserProperty[];
}

/** What an implementation of a deciding hook answers. */
export type HookAnswer<Modifiers> =
  | { readonly kind: "ok"; readonly modifiers?: Modifiers }
  | { readonly kind: "next" }
  | HookError;

/** What comes out of a chain: the answer that ended it. `next` never comes out, see `EXHAUSTED` and `NO_HOOK`. */
export type ChainResult<Modifiers> =
  | { readonly kind: "ok"; readonly modifiers: Modifiers | null }
  | HookError;

/** Allowed as asked. */
export const OK: { readonly kind: "ok"; readonly modifiers: null } = Object.freeze({
  kind: "ok",
  modifiers: null,
});
/** All implementations were asked and none decided. */
export const EXHAUSTED: HookError = Object.freeze({ kind: "error", reason: "plugin_chain_exhausted" });
/** No enabled plugin implements the hook. */
export const NO_HOOK: HookError = Object.freeze({ kind: "error", reason: "no_matching_hook_found" });
/** The implementation threw, rejected or answered nonsense. */
export const FAILED: HookError = Object.freeze({ kind: "error", reason: "plugin_failed" });
/** An asynchronous implementation did not answer in time. */
export const TIMED_OUT: HookError = Object.freeze({ kind: "error", reason: "plugin_timeout" });
