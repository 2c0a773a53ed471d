/** The command line of `npm test`. */

import { parseArgs } from "node:util";

export const USAGE = `npm test -- [OPTION]... [PATH]...

Runs the tests whose file path contains one of the PATHs (src/mqtt, broker, codec.test.ts), or all but those of
test/system, which want a release and, most of them, root on Debian.

  --unit            only the unit tests
  --system          only those of test/system; so does a PATH that begins with test/system
  --long            seeded suites run long (VERNEMQ_TEST_LONG=1)
  --name PATTERN    only tests whose name matches the regular expression
  --help            this text
`;

export interface Options {
  readonly unitOnly: boolean;
  readonly system: boolean;
  readonly long: boolean;
  readonly help: boolean;
  readonly namePattern: string | undefined;
  readonly paths: readonly string[];
}

/**
 * Reads the arguments of `npm test`.
 *
 * @throws {TypeError} naming the option when one is unknown or lacks its value
 */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      unit: { type: "boolean", default: false },
      system: { type: "boolean", default: false },
      long: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      name: { type: "string" },
    },
  });
  return {
    unitOnly: values.unit,
    system: values.system,
    long: values.long,
    help: values.help,
    namePattern: values.name,
    paths: positionals.map((path) => path.replace(/^\.\//, "")),
  };
}
