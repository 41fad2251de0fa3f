/**
 * The handshake: the receiver says hello, the sender answers with a welcome or a refusal. Each is 48
 * bytes, little-endian:
 *
 * | bytes  | field                                                  |
 * |--------|--------------------------------------------------------|
 * | 0..7   | `PAGEFRRY`                                             |
 * | 8..9   | protocol version                                       |
 * | 10..11 | kind: 1 hello, 2 welcome, 3 refusal                    |
 * | 12..15 | refusal: the reason; 0 otherwise                       |
 * | 16..47 | name of the transport, UTF-8, padded with zero bytes   |
 *
 * The first 16 bytes stay as they are in every version, and are the same in every transport of
 * Pageferry, so that two ends that do not fit together can tell each other why.
 */
const MAGIC = Buffer.from('PAGEFRRY');
const COMMON_BYTES = 16;

/** The version of the protocol: of the handshake beyond its first 16 bytes, and of the frames. */
export const VERSION = 1;

/** The transport's name, in the handshake as in the API. */
export const NAME = 'socket';

/** Length of a handshake message of this version. */
export const HELLO_BYTES = 48;

/** Kinds of handshake message. */
export const HELLO = { hello: 1, welcome: 2, refusal: 3 } as const;

/** Why a sender refused a receiver. */
export const REFUSAL = { version: 1, transport: 2, noRoom: 4 } as const;

/** A handshake message as it was read. */
export interface Hello {
  readonly version: number;
  readonly kind: number;
  readonly reason: number;
  /** Name of the transport; empty where the version is another one. */
  readonly transport: string;
}

/** The bytes of a handshake message of this version and transport. */
export function encodeHello(kind: number, reason = 0): Buffer {
  const bytes = Buffer.alloc(HELLO_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(VERSION, 8);
  bytes.writeUInt16LE(kind, 10);
  bytes.writeUInt32LE(reason, 12);
  bytes.write(NAME, COMMON_BYTES);
  return bytes;
}

/**
 * Reads a handshake message from what has arrived of it so far.
 *
 * @returns `undefined` while it is not whole; `foreign` as soon as it cannot be one.
 */
export function decodeHello(bytes: Buffer): Hello | 'foreign' | undefined {
  const start = Math.min(bytes.length, MAGIC.length);
  if (MAGIC.compare(bytes, 0, start, 0, start) !== 0) return 'foreign';
  if (bytes.length < COMMON_BYTES) return undefined;
  const version = bytes.readUInt16LE(8);
  const kind = bytes.readUInt16LE(10);
  const reason = bytes.readUInt32LE(12);
  // What follows, and how much of it, is the business of that version.
  if (version !== VERSION) return { version, kind, reason, transport: '' };
  if (bytes.length < HELLO_BYTES) return undefined;
  const name = bytes.toString('utf8', COMMON_BYTES, HELLO_BYTES);
  return { version, kind, reason, transport: name.replace(/\0.*$/s, '') };
}
