/** Why no CONNECT is accepted at present. */
export interface ConnectRefusal {
  readonly reasonCode: number;
  /** The node has more to do than it can. */
  readonly overload: boolean;
  /** For the log line. */
  readonly text: string;
}

/** Whether the node takes new clients at all, whoever they are. Asked for each CONNECT. */
export interface ConnectGate {
  /** Null: it does. */
  refusal(): ConnectRefusal | null;
}
