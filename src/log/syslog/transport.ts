/** The way to a syslog service. */
export interface SyslogTransport {
  /** What it leads to, for people: `tcp://logs.example.org:514`. */
  readonly name: string;
  /** The most bytes of messages that are sent at once; 0 for one message after the other. */
  readonly largestBatch: number;
  /** Sends messages, and connects before when it has to. Rejects when it cannot tell that all were taken. */
  send(messages: readonly string[]): Promise<void>;
  /** Sends messages before it returns; undefined where that cannot be done. Throws when it fails. */
  readonly sendSync: ((messages: readonly string[]) => void) | undefined;
  /** Called when what was sent just now may be lost, because the connection has broken after it was taken. */
  onLost: () => void;
  /** Sends the rest and disconnects. A later `send` connects again. Never rejects. */
  close(): Promise<void>;
  /** Disconnects at once; what is being sent is rejected. */
  destroy(): void;
}
