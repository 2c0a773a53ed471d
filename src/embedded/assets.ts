import { getAsset, getRawAsset, isSea } from "node:sea";

/** Files inside the executable, by the names under which scripts/build puts them there. */
export type AssetName = "LICENSE" | "3rd-party-licenses.txt" | "classic-level.node";

/** The text of a file inside the executable; undefined when this is none, but sources or a bundle. */
export function assetText(name: AssetName): string | undefined {
  return isSea() ? getAsset(name, "utf8") : undefined;
}

/** The bytes of a file inside the executable, not copied and not to be changed; undefined when this is none. */
export function assetBytes(name: AssetName): Uint8Array | undefined {
  return isSea() ? new Uint8Array(getRawAsset(name)) : undefined;
}
