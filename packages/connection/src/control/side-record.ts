import type { OwnedFd, SocketMessage } from '@pageferry/linux';

/** Length of a record in bytes: its kind, and a word. */
const SIDE_RECORD_BYTES = 8;

/** Room to read a record into: a longer message shows that it is none. */
export const SIDE_RECORD_ROOM = SIDE_RECORD_BYTES + 1;

/**
 * What one side tells the other over their socket after the handshake, where it takes descriptors: two
 * 32-bit words, little-endian. What a kind means is the mechanism's.
 */
export interface SideRecord {
  /** What the record is about: a number of the mechanism's. */
  readonly kind: number;
  /** What the mechanism has to say with it. */
  readonly word: number;
  /**
   * What came with it; the one who takes the record owns it. `'lost'` if the kernel has thrown some of it away,
   * because this process had no descriptor left for it (`MSG_CTRUNC`): the others are closed then.
   */
  readonly descriptors: readonly OwnedFd[] | 'lost';
}

/** The bytes of a record. */
export function encodeSideRecord(kind: number, word: number): Uint8Array {
  return new Uint8Array(new Int32Array([kind, word]).buffer);
}

/** The record in a message. `undefined` if it is none: its descriptors are closed then. */
export function decodeSideRecord(message: SocketMessage): SideRecord | undefined {
  const { bytes, descriptors, truncated, descriptorsLost: isLost } = message;
  if (truncated) for (const unwanted of descriptors) unwanted.close();
  if (bytes.length !== SIDE_RECORD_BYTES || (truncated && !isLost)) {
    for (const unwanted of descriptors) unwanted.close();
    return undefined;
  }
  const words = new Int32Array(bytes.slice().buffer);
  const [kind, word] = words as unknown as [number, number];
  return { kind, word, descriptors: isLost ? 'lost' : descriptors };
}
