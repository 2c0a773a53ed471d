// npm run image: set-up if needed, then container images of the built release in _build/images.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

become(setUpOrExit(), [join(root, "scripts/image/main.ts"), ...process.argv.slice(2)]);
