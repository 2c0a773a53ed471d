import assert from "node:assert/strict";
import { it } from "node:test";
import { allOptions } from "../schema/schema.ts";
import { schemaFile } from "./schema-file.ts";

it("has every option, with what a program that writes a configuration needs", () => {
  const { version, options }: { version: string; options: readonly { key: string }[] } = JSON.parse(
    schemaFile("1.2.3"),
  );
  assert.equal(version, "1.2.3");
  assert.deepEqual(
    options.map(({ key }) => key),
    [...allOptions.keys()],
  );
  const one = options.find(({ key }) => key === "max_client_id_size");
  assert.partialDeepStrictEqual(one, {
    area: "Access",
    type: "integer",
    allowed: "a whole number from 1 to 65535",
    default: "23",
    shipped: "100",
    live: true,
    secret: false,
    status: "works",
  });
});

it("has no default where there is none, and says what is secret", () => {
  const text = schemaFile("1.2.3");
  const { options }: { options: readonly { key: string; default: unknown; secret: boolean }[] } =
    JSON.parse(text);
  const cookie = options.find(({ key }) => key === "distributed_cookie");
  assert.partialDeepStrictEqual(cookie, { secret: true });
  const listener = options.find(({ key }) => key === "listener.tcp.$name");
  assert.partialDeepStrictEqual(listener, { default: null });
});
