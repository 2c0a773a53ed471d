import type { Socket } from "node:net";
import type { Timed, TimerWheel } from "../clock/timer-wheel.ts";
import type { Peer } from "../session/peer.ts";
import type { ByteStream, MessageStream, StreamReceiver } from "./byte-stream.ts";
import type { Intake, IntakeStage } from "./intake-stage.ts";
import { forgetSocket, observeSocket, readSocket, stopReadingSocket } from "./socket-events.ts";
import { receiveFrom, type SocketWays, socketStream } from "./socket-stream.ts";

/** Who has let connections in and hears what became of them. Each arrival ends with one of these calls. */
export interface ArrivalOwner {
  /** All stages are behind it. */
  arrived(arrival: Arrival): void;
  /** A stage has refused it, or its time is over; `reason` is for the log. It is cut off afterwards. */
  refused(arrival: Arrival, reason: string, late: boolean): void;
  /** A stage threw. It is cut off afterwards. */
  faulted(arrival: Arrival, error: unknown): void;
  /** The peer has gone before a session was made. */
  vanished(arrival: Arrival): void;
}

type Receive = (chunk: Buffer, start: number, end: number) => void;

/** A connection on its way through the stages of its listener. It is pending until the session exists. */
export class Arrival implements Intake, StreamReceiver, Timed {
  dueTick = -1;
  previousTimed: Timed | null = null;
  nextTimed: Timed | null = null;
  peer: Peer;
  stream: MessageStream | null = null;
  /** Bytes that were read too far from a socket with a static read buffer. */
  rest: Buffer | null = null;
  readonly #ways: SocketWays;
  readonly #wheel: TimerWheel;
  readonly #owner: ArrivalOwner;
  readonly #stages: readonly IntakeStage[];
  #socket: Socket;
  #wrapped = false;
  #next = 0;
  #receive: Receive | null = null;
  #over = false;

  constructor(
    socket: Socket,
    ways: SocketWays,
    peer: Peer,
    stages: readonly IntakeStage[],
    wheel: TimerWheel,
    owner: ArrivalOwner,
  ) {
    this.#socket = socket;
    this.#ways = ways;
    this.peer = peer;
    this.#stages = stages;
    this.#wheel = wheel;
    this.#owner = owner;
    observeSocket(socket, this);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** How the socket is read and written that the next stage or the session works on. */
  get ways(): SocketWays {
    const { direct } = this.#ways;
    return this.#wrapped ? { direct, staticRead: false, secure: true } : this.#ways;
  }

  get over(): boolean {
    return this.#over;
  }

  wrap(socket: Socket): void {
    this.#wrapped = true;
    forgetSocket(this.#socket);
    this.#socket = socket;
    observeSocket(socket, this);
  }

  startReading(receive: Receive): void {
    this.#receive = receive;
    if (!this.#ways.staticRead) readSocket(this.#socket);
    this.#socket.resume();
  }

  stopReading(rest: Buffer): void {
    this.#receive = null;
    this.#socket.pause();
    if (this.#ways.staticRead) {
      this.rest = rest.length === 0 ? null : Buffer.from(rest);
      return;
    }
    stopReadingSocket(this.#socket);
    if (rest.length > 0) this.#socket.unshift(rest);
  }

  /** The first call begins the first stage. */
  advance(): void {
    if (this.#over) return;
    this.#wheel.cancel(this);
    const stage = this.#stages[this.#next++];
    if (stage === undefined) {
      this.#over = true;
      this.#owner.arrived(this);
      return;
    }
    if (Number.isFinite(stage.deadline)) this.#wheel.schedule(this, stage.deadline);
    try {
      stage.begin(this);
    } catch (error) {
      this.#fault(error);
    }
  }

  refuse(reason: string): void {
    this.#refuse(reason, false);
  }

  openStream(receiver: (below: ByteStream) => StreamReceiver): void {
    const below = socketStream(this.#socket, this.ways);
    receiveFrom(this.#socket, below, receiver(below), this.ways);
  }

  due(): void {
    this.#refuse(`${this.#stages[this.#next - 1]?.missing ?? "nothing"} in time`, true);
  }

  received(chunk: Buffer, start: number, end: number): void {
    if (this.#over) return;
    try {
      this.#receive?.(chunk, start, end);
    } catch (error) {
      this.#fault(error);
    }
  }

  drained(): void {}

  failed(error: Error): void {
    this.#refuse(error.message, false);
  }

  leaving(): void {
    this.closed();
  }

  closed(): void {
    if (this.#over) return;
    this.#end();
    this.#owner.vanished(this);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #refuse(reason: string, late: boolean): void {
    if (this.#over) return;
    this.#end();
    this.#owner.refused(this, reason, late);
    this.#socket.destroy();
  }

  /** What goes wrong with one connection ends that connection only. */
  #fault(error: unknown): void {
    if (!this.#over) {
      this.#end();
      this.#owner.faulted(this, error);
    }
    this.#socket.destroy();
  }

  #end(): void {
    this.#over = true;
    this.#wheel.cancel(this);
  }
}
