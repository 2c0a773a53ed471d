import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { SavedListeners } from "./saved-listeners.ts";

it("keeps listeners in a file for its owner alone, one for each address", (context) => {
  const directory = mkdtempSync(join(tmpdir(), "saved-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "listeners.json");
  const saved = new SavedListeners(path);
  assert.deepEqual(saved.read(), []);
  const one = { kind: "tcp", address: "::1", port: 1, attributes: new Map([["mountpoint", "m"]]) } as const;
  const two = { kind: "ssl", address: "::1", port: 2, attributes: new Map([["keypasswd", "p"]]) } as const;
  saved.add(one);
  saved.add(two);
  assert.deepEqual(new SavedListeners(path).read(), [one, two]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const again = { ...one, attributes: new Map() };
  saved.add(again);
  assert.deepEqual(saved.read(), [two, again]);
  saved.remove("::1", 2);
  saved.remove("::1", 3);
  assert.deepEqual(saved.read(), [again]);
  for (const text of [
    "nonsense",
    "{}",
    '[{"kind":"tcp"}]',
    '[{"kind":"x","address":"","port":1,"options":{}}]',
  ]) {
    writeFileSync(path, text);
    assert.throws(() => saved.read());
  }
});
