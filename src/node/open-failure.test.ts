import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveListeners } from "../config/listeners.ts";
import { load } from "../config/load-test-support.ts";
import { openFailure } from "./open-failure.ts";

test("a listener that cannot be opened is told with file, line, key, address and reason", (context) => {
  const configuration = load(context, "\nlistener.tcp.a = 127.0.0.1:1883\nlistener.ws.b = local:/x:0");
  const [tcp, ws] = resolveListeners(configuration);
  assert.ok(tcp !== undefined && ws !== undefined);
  const failure = (code: string) => Object.assign(new Error(`listen ${code}`), { code });
  for (const [listener, code, text] of [
    [
      tcp,
      "EADDRINUSE",
      "2: listener.tcp.a cannot listen on 127.0.0.1:1883: another program listens there (EADDRINUSE)",
    ],
    [
      tcp,
      "EACCES",
      "2: listener.tcp.a cannot listen on 127.0.0.1:1883: permission denied; ports below 1024 take more rights (EACCES)",
    ],
    [ws, "ESTRANGE", "3: listener.ws.b cannot listen on /x: listen ESTRANGE"],
  ] as const) {
    const [line, ...others] = openFailure(configuration, listener, failure(code));
    assert.equal(line, `error: ${configuration.confFile}:${text}`);
    assert.deepEqual(others, []);
  }
});
