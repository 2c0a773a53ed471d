import type { OptionFacts } from "../../option.ts";
import type { Parsed, ValueContext, ValueType } from "../../type/value-type.ts";
import { accepted } from "../../type/value-type.ts";
import type { ListenerKind } from "./kind.ts";

/** Where an attribute of listeners may be set. Kinds are those whose listeners have it. */
export interface Levels {
  /** `listener.ATTRIBUTE`, for all kinds. */
  readonly global?: boolean;
  /** `listener.KIND.ATTRIBUTE`. */
  readonly protocol: readonly ListenerKind[];
  /** `listener.KIND.NAME.ATTRIBUTE`. */
  readonly named: readonly ListenerKind[];
}

/** An attribute of listeners, whose values are read as T. The nearest level at which it is set counts. */
export interface Attribute<T> extends OptionFacts, Levels {
  readonly type: ValueType<unknown>;
  /** The value where no level sets it; undefined when there is none. */
  readonly default: string | undefined;
  /** A text that, at the protocol and named levels, means the same as not being set. */
  readonly inherits: string | undefined;
  /** Kinds for which commented lines appear in the shipped file. */
  readonly commentedFor?: readonly ListenerKind[];
  /** Reads the text of the nearest level, or the default. */
  read(text: string | undefined, context: ValueContext): Parsed<T>;
}

interface AttributeFacts extends OptionFacts, Levels {
  readonly inherits?: string;
  readonly commentedFor?: readonly ListenerKind[];
}

/** An attribute with a default. */
export function attribute<T>(type: ValueType<T>, defaultText: string, facts: AttributeFacts): Attribute<T> {
  return {
    inherits: undefined,
    ...facts,
    type,
    default: defaultText,
    read: (text, context) => type.parse(text ?? defaultText, context),
  };
}

/** An attribute without a default. */
export function optionalAttribute<T>(type: ValueType<T>, facts: AttributeFacts): Attribute<T | undefined> {
  return {
    inherits: undefined,
    ...facts,
    type,
    default: undefined,
    read: (text, context) => (text === undefined ? accepted(undefined) : type.parse(text, context)),
  };
}
