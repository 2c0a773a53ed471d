// npm run release: set-up if needed, then every artifact of a release in _build/release. See RELEASING.md.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/release/main.ts"), ...process.argv.slice(2)]);
