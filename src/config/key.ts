/** The words of a key; `\.` is a dot within a word. Undefined when the text is not a key. */
export function splitKey(text: string): readonly string[] | undefined {
  if (!/^(?:[A-Za-z0-9_-]|\\\.)+(?:\.(?:[A-Za-z0-9_-]|\\\.)+)*$/.test(text)) return undefined;
  return [...text.matchAll(/(?:[^.\\]|\\\.)+/g)].map(([part]) => part.replaceAll("\\.", "."));
}

/** The words as one key. */
export function joinKey(words: readonly string[]): string {
  return words.map((word) => word.replaceAll(".", "\\.")).join(".");
}
