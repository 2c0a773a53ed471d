// npm run packages: set-up if needed, then the Debian and RPM packages in _build/packages.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/release/package/main.ts"), ...process.argv.slice(2)]);
