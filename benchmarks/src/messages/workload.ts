/** How an object gets to the other process and back. */
export type ObjectWay = 'port' | 'composed' | 'child.send';

/** What the process that asks, and its child that answers, have to do. */
export interface ObjectWorkload {
  readonly way: ObjectWay;
  readonly endpoint: string;
  /** Length of the buffer in each object. */
  readonly byteLength: number;
  /** Shorter objects that go there and back first, so often that V8 has compiled what they take. */
  readonly compiling: number;
  /** Objects there and back that are measured. */
  readonly trips: number;
  /** The same before the clock starts. */
  readonly warmUp: number;
  /** How many questions are open at once. */
  readonly underWay: number;
}

/** What goes there, and comes back. */
export interface Picture {
  readonly meta: {
    /** Every byte of the buffer is this one, up to 255. */
    readonly number: number;
    /** Nanoseconds that its sender took to check what it got, and to fill the buffer of this one, or of the last. */
    readonly computed: number;
  };
  readonly pixels: Uint8Array;
}

/**
 * Length of the buffers that go first: so long that they lie beside their object, as longer ones do, and so short that thousands
 * of them take no time.
 */
export const COMPILING_BYTES: number = 64 * 1024;

/** The pool of each side: two objects have room, and what is about to come back. */
export const OBJECT_POOL_BYTES: number = 128 * 2 ** 20;

/** How a stream gets to the other process; by `deliveries` and `in-place` without a copy for its reader. */
export type StreamWay = 'messages' | 'deliveries' | 'in-place' | 'socket';

/** What the process that writes, and its child that reads, have to do. */
export interface StreamWorkload {
  readonly way: StreamWay;
  readonly endpoint: string;
  readonly chunkBytes: number;
  /** Chunks that are measured. */
  readonly count: number;
  /** Chunks before them. */
  readonly warmUp: number;
  /** Whether the consumer reads each byte, and not only those at the ends of a chunk. */
  readonly readsAll: boolean;
}

/** What a stream consists of, over and over. */
export function patternOf(chunkBytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: chunkBytes }, (_, index) => index % 251));
}
