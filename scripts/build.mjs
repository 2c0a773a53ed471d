// npm run build: set-up if needed, then the release for this platform in _build/default/rel/vernemq.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/build/main.ts"), ...process.argv.slice(2)]);
