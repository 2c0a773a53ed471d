// npm test: set-up if needed, then all tests on the pinned runtime. See scripts/testing/options.ts.

import { join } from "node:path";
import { ensureMosquitto } from "./setup/apt-packages.mjs";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

const runtime = setUpOrExit();
const notice = ensureMosquitto();

become(runtime, [join(root, "scripts/testing/main.ts"), ...process.argv.slice(2)], {
  ...process.env,
  ...(notice ? { VERNEMQ_TEST_NOTICE: notice } : {}),
});
