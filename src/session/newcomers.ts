/** Counts connections whose CONNECT has not been accepted. */
export interface Newcomers {
  /** There is one more. */
  came(): void;
  /** One was accepted, or has gone. */
  went(): void;
}
