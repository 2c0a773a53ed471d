const MOST_WORDS = 4096;
const LONGEST_WORD = 64;
/** From this length on, V8 makes a part of a string as a view that keeps the whole string alive. */
const SHORTEST_VIEW = 13;

/**
 * Makes the levels of topic names and filters fit to be kept as keys: words that come again and again (`temp`,
 * `status`) share one string, and a kept word does not keep the name alive that it was cut from. A bounded cache.
 */
export class WordTable {
  readonly #words = new Map<string, string>();

  /** The string to keep for `word`. */
  keep(word: string): string {
    if (word.length > LONGEST_WORD) return Buffer.from(word).toString();
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    if (this.#words.size >= MOST_WORDS) this.#words.clear();
    const own = word.length < SHORTEST_VIEW ? word : Buffer.from(word).toString();
    this.#words.set(own, own);
    return own;
  }
}
