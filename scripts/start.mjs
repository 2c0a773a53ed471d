// npm start: set-up if needed, then the broker in the foreground with the development configuration.
// Further arguments go to `vernemq foreground`. Data, logs and the run directory are below .dev/.

import { join } from "node:path";
import { become, root } from "./setup/runtime.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";

const runtime = setUpOrExit();
const places = [
  ["--conf", "rel/development/vernemq.conf"],
  ["--data-dir", ".dev/data"],
  ["--log-dir", ".dev/log"],
  ["--run-dir", ".dev/run"],
].flatMap(([option, path]) => [option, join(root, path)]);

become(
  runtime,
  [
    // A signal must not open the runtime's debugger in a broker.
    "--disable-sigusr1",
    "--max-semi-space-size=16",
    "--max-old-space-size-percentage=50",
    join(root, "src/main.ts"),
    "vernemq",
    "foreground",
    ...places,
    ...process.argv.slice(2),
  ],
  {
    ...process.env,
    // Makes the broker say where it listens and how to publish a first message.
    VERNEMQ_DEVELOPMENT: "1",
  },
);
