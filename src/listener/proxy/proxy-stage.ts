import type { Arrival } from "../arrival.ts";
import type { IntakeStage } from "../intake-stage.ts";
import type { ProxiedSource } from "./header.ts";
import { readProxyHeader } from "./read-header.ts";

/** How long the header may take, milliseconds; as in VerneMQ. */
const DEADLINE = 10_000;

/**
 * Expects a header of the PROXY protocol at the beginning of each connection and takes from it where the client comes
 * from. Whoever can connect can claim any address: such a listener must be within reach of the proxy only.
 */
export class ProxyStage implements IntakeStage {
  readonly missing = "no PROXY header";
  readonly deadline = DEADLINE;
  readonly findsPeer = true;
  readonly #commonNameIsIdentity: boolean;

  /** `commonNameIsIdentity`: the common name that the proxy found in the client's certificate is its user name. */
  constructor(commonNameIsIdentity: boolean) {
    this.#commonNameIsIdentity = commonNameIsIdentity;
  }

  begin(arrival: Arrival): void {
    let kept: Buffer | null = null;
    arrival.startReading((chunk, start, end) => {
      const bytes: Buffer = chunk.subarray(start, end);
      kept = kept === null ? bytes : Buffer.concat([kept, bytes]);
      const header = readProxyHeader(kept);
      if (header.kind === "malformed") {
        arrival.refuse(`PROXY header: ${header.problem}`);
        return;
      }
      if (header.kind === "incomplete") {
        // The chunk is valid during this call only. What is kept is bounded: a longer header is malformed.
        kept = Buffer.from(kept);
        return;
      }
      arrival.stopReading(kept.subarray(header.length));
      if (header.source !== null) this.#tell(arrival, header.source);
      arrival.advance();
    });
  }

  #tell(arrival: Arrival, { address, port, commonName }: ProxiedSource): void {
    arrival.peer = {
      address,
      port,
      identity: this.#commonNameIsIdentity ? (commonName ?? null) : null,
      certificate: commonName === undefined ? null : { commonName, der: null },
    };
  }
}
