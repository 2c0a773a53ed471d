import { accepted, type ValueContext, type ValueType } from "./value-type.ts";

function pathType(name: string): ValueType<string> {
  return {
    name,
    allowed: `the path of a ${name}`,
    parse: (text: string, context: ValueContext) => accepted(context.resolvePath(text)),
    render: (text: string, context: ValueContext) => context.resolvePath(text),
  };
}

/** The path of a file, read as an absolute path; the empty text stays empty and means none. */
export const file: ValueType<string> = pathType("file");

/** The path of a directory, read as an absolute path; the empty text stays empty and means none. */
export const directory: ValueType<string> = pathType("directory");

/** A directory, or the word `off`, which is read as the empty text. */
export const directoryOrOff: ValueType<string> = {
  name: "directory or off",
  allowed: "the path of a directory, or off",
  parse: (text, context) => accepted(text === "off" ? "" : context.resolvePath(text)),
};
