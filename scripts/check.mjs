// npm run check: set-up if needed, then the gates named on the command line (all without arguments).

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/gates/main.ts"), ...process.argv.slice(2)]);
