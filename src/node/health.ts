/** What is wrong with the node at present, by part. Without problems the node is healthy. */
export class Health {
  readonly #problems = new Map<string, string>();

  get healthy(): boolean {
    return this.#problems.size === 0;
  }

  /** One line each, with the part in front. */
  get problems(): readonly string[] {
    return Array.from(this.#problems, ([part, problem]) => `${part}: ${problem}`);
  }

  /** A part has a problem, or with null no more. */
  report(part: string, problem: string | null): void {
    if (problem === null) this.#problems.delete(part);
    else this.#problems.set(part, problem);
  }
}
