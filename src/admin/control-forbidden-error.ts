/** A node may be there, but this user may not talk to it. */
export class ControlForbiddenError extends Error {
  override readonly name = "ControlForbiddenError";

  constructor(socket: string) {
    super(`permission denied for ${socket}: commands are for the user of the broker and for root`);
  }
}
