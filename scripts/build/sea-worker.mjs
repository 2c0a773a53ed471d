// One run of pkg for sea.ts, in a process of its own: pkg changes the working directory, and the runtime that
// runs it makes what the executable reads. Plain JavaScript, because pkg's types know fewer settings than Node.
//
// pkg's command line has no way to pass settings of Node's single-executable mode on (such as execArgv); the
// function behind it has.

import sea from "@yao-pkg/pkg/lib-es5/sea.js";

const { entry, target, output, seaConfig } = JSON.parse(process.argv[2]);

await sea.default(entry, {
  targets: [{ ...target, output }],
  // macOS runs no executable whose signature is void; only there is a tool that makes a new one.
  signature: process.platform === "darwin",
  seaConfig,
});
