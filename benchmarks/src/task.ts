/** What the receiver does with a message: splice it to `/dev/null`, or read it into memory. */
export type ReceivePath = 'discard' | 'read';

/** Both of them. */
export const receivePaths: readonly ReceivePath[] = ['discard', 'read'];

/** What every subject has to do in a trial. */
export interface Task {
  readonly path: ReceivePath;
  readonly messageBytes: number;
  readonly totalBytes: number;
  /** Moved first, by the same loop, before the clock starts: V8 compiles the loop meanwhile. */
  readonly warmUpBytes: number;
}

/** What a sender and a receiver have to do in a trial. */
export interface PairWorkload {
  readonly discard: boolean;
  readonly messageBytes: number;
  /** Messages that are measured. */
  readonly count: number;
  /** Messages before them. */
  readonly warmUp: number;
}

/** The same for the peers of the framed API. */
export interface FramedWorkload extends PairWorkload {
  readonly endpoint: string;
  readonly backend: string;
}

/** One trial of one subject: the bytes it moved, and the nanoseconds that took. */
export interface Trial {
  readonly bytes: number;
  readonly nanoseconds: number;
}
