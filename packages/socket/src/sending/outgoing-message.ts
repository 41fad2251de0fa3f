/** A message that was sent and that some receivers are not done with. */
export interface OutgoingMessage {
  readonly sequence: number;
  /** Length of the payload. */
  readonly byteLength: number;
  /** The frame and the payload behind it, as they go out. */
  readonly bytes: Buffer;
  /** How many receivers are not done with it. */
  holders: number;
  /** False if a socket may still read its memory when the last receiver is done with it. */
  reusable: boolean;
}
