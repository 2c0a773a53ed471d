// npm test: set-up if needed, then all tests on the pinned runtime. See scripts/testing/options.ts.

import { join } from "node:path";
import { ensureTestPackages } from "./setup/apt-packages.mjs";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

const args = process.argv.slice(2);
const runtime = setUpOrExit();
const notice = ensureTestPackages(args.some((arg) => arg === "--system" || /^(\.\/)?test\/system/.test(arg)));

become(runtime, [join(root, "scripts/testing/main.ts"), ...args], {
  ...process.env,
  ...(notice ? { VERNEMQ_TEST_NOTICE: notice } : {}),
});
