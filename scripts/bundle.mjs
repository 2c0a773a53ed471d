// npm run bundle: set-up if needed, then src/main.ts and all it imports in _build/bundle: main.js and its parts.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/bundle/main.ts")]);
