// npm run bench: set-up if needed, then the benchmark on the pinned runtime. See test/bench/README.md.

import { join } from "node:path";
import { ensureBenchmarkPackages } from "./setup/apt-packages.mjs";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

const runtime = setUpOrExit();
const notice = ensureBenchmarkPackages();
if (notice !== undefined) console.error(notice);

become(runtime, [join(root, "test/bench/compare.ts"), ...process.argv.slice(2)], process.env);
