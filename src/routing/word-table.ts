/** A power of two. */
const PLACES = 4096;
const LONGEST_SHARED = 64;
/** From this length on, V8 makes a part of a string as a view that keeps the whole string alive. */
const SHORTEST_VIEW = 13;

/**
 * Makes the levels of topic names and filters fit to be kept as keys: words that come again and again (`temp`,
 * `status`) share one string, and a kept word does not keep the name alive that it was cut from. A small cache with
 * one place per hash: the last word wins.
 */
export class WordTable {
  private readonly words = new Array<string>(PLACES).fill("");

  /** The string to keep for `word`. */
  keep(word: string): string {
    const { length } = word;
    if (length > LONGEST_SHARED) return Buffer.from(word).toString();
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x9e3779b1);
    const place = (hash >>> 16) & (PLACES - 1);
    const known = this.words[place];
    if (known === word) return known;
    const own = length < SHORTEST_VIEW ? word : Buffer.from(word).toString();
    this.words[place] = own;
    return own;
  }
}
