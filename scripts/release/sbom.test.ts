import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { thirdParties } from "../build/licences.ts";
import { sbom } from "./sbom.ts";

const root = dirname(dirname(import.meta.dirname));

test("the list of parts names what is in the executable, the runtime and its parts", () => {
  const options = {
    root,
    version: "1.2.3",
    epoch: 1_700_000_000,
    parties: thirdParties(root, ["node_modules/classic-level", "node_modules/commander"]),
    runtimes: [
      {
        version: "24.21.0",
        platforms: ["linux-x64"],
        versions: { node: "24.21.0", v8: "13.6", modules: "137" },
      },
    ],
  };
  const text = sbom(options);
  assert.equal(text, sbom(options), "it is the same each time");
  assert.notEqual(text, sbom({ ...options, version: "1.2.4" }));
  const document: {
    serialNumber: string;
    components: { name: string; hashes?: { content: string }[]; components?: { name: string }[] }[];
  } = JSON.parse(text);
  assert.match(
    document.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.deepEqual(
    document.components.map(({ name, components }) => [name, components?.map((part) => part.name)]),
    [
      ["classic-level", ["leveldb", "snappy"]],
      ["commander", undefined],
      ["node", ["v8"]],
    ],
  );
  assert.match(document.components[0]?.hashes?.[0]?.content ?? "", /^[0-9a-f]{128}$/);
});
