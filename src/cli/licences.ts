import { assetText } from "../embedded/assets.ts";

/** `vernemq version --licences`: VerneMQ's own, then those of all others in the executable. */
export function printLicences(): number {
  const texts = [assetText("LICENSE"), assetText("3rd-party-licenses.txt")];
  if (texts.includes(undefined)) {
    process.stderr.write(
      "This is not the executable: the licences are in LICENSE and in the folders of node_modules.\n",
    );
    return 1;
  }
  process.stdout.write(texts.join("\n"));
  return 0;
}
