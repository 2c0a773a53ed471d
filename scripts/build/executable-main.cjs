// What the executable starts with: gives the parts of the bundle to each other, each of them read and compiled only when
// it is first needed, so that a short command does not wait for the whole broker.

"use strict";

const { join } = require("node:path");
const { getRawAsset } = require("node:sea");
const { compileFunction } = require("node:vm");

const directory = join(process.execPath, "..");
const loaded = new Map();

function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const part = { exports: {} };
  loaded.set(name, part);
  const run = compileFunction(
    Buffer.from(getRawAsset(name)).toString(),
    ["exports", "require", "module", "__filename", "__dirname"],
    // For stack traces.
    { filename: join(process.execPath, name) },
  );
  run.call(part.exports, part.exports, requirePart, part, process.execPath, directory);
  return part.exports;
}

/** `require` of the parts: of each other, or of Node's modules. */
function requirePart(name) {
  return name.startsWith("./") ? load(name.slice(2)) : require(name);
}

/** `import()` of what is no part (plugins of others): code that is compiled here has none of its own. */
requirePart.outside = (address) => import(address);

load("main.js");
