/**
 * The handshake's messages, which are the same in every transport. The receiver says hello, the sender
 * answers with a welcome or a refusal. Each is, little-endian:
 *
 * | bytes  | field                                                              |
 * |--------|--------------------------------------------------------------------|
 * | 0..7   | `PAGEFRRY`                                                         |
 * | 8..9   | protocol version                                                   |
 * | 10..11 | kind: 1 hello, 2 welcome, 3 refusal                                |
 * | 12..15 | refusal: the reason; 0 otherwise                                   |
 * | 16..47 | name of the transport's mechanism, UTF-8, padded with zero bytes   |
 * | 48..   | parameters of the mechanism: 32-bit words, at most 16              |
 *
 * The first 16 bytes stay as they are in every version, so that two versions can tell each other
 * what they are. Where the socket keeps message boundaries, each is one message. In a stream each has 48
 * bytes, and no parameters.
 */
const MAGIC = Buffer.from('PAGEFRRY');

/**
 * Version of the protocol: of the handshake beyond its first 16 bytes, and of what follows it. Both sides
 * must have the same.
 */
export const PROTOCOL_VERSION = 2;

/** Length of a message without parameters. */
export const HELLO_BYTES = 48;
const NAME_OFFSET = 16;

/** How many parameters fit into a message. */
const MAX_PARAMETERS = 16;

/** The largest message a handshake may hold; what is longer is no handshake. */
export const MAX_HELLO_BYTES = 256;

/** Kinds of handshake message. */
export const HELLO_KIND = { hello: 1, welcome: 2, refusal: 3 } as const;

/** A handshake message in words of its own. */
export interface Hello {
  /** The version of the protocol that is spoken. */
  readonly version: number;
  /** One of {@link HELLO_KIND}. */
  readonly kind: number;
  /** Of a refusal: one of {@link REFUSAL}. */
  readonly reason: number;
  /** Name of the mechanism, as far as it has come. */
  readonly mechanism: string;
  /** What the mechanism has to say, as unsigned 32-bit words; those that are missing count as 0. */
  readonly parameters: Uint32Array;
}

/** The bytes of a handshake message. `mechanism` has at most 32 bytes, `parameters` 16 words. */
export function encodeHello(
  kind: number,
  mechanism: string,
  reason = 0,
  parameters: readonly number[] = [],
): Buffer {
  const bytes = Buffer.alloc(HELLO_BYTES + 4 * parameters.length);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(PROTOCOL_VERSION, 8);
  bytes.writeUInt16LE(kind, 10);
  bytes.writeUInt32LE(reason, 12);
  bytes.write(mechanism, NAME_OFFSET, HELLO_BYTES - NAME_OFFSET, 'utf8');
  for (const [index, word] of parameters.entries()) {
    bytes.writeUInt32LE(word, HELLO_BYTES + 4 * index);
  }
  return bytes;
}

/** The message in `bytes`, or `undefined` if they are not a handshake of any version. */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < NAME_OFFSET || !mayBeHello(view)) return undefined;
  const version = view.readUInt16LE(8);
  // How long those of another version are is that version's business.
  if (version === PROTOCOL_VERSION && view.length > HELLO_BYTES + 4 * MAX_PARAMETERS) return undefined;
  const parameters = new Uint32Array(MAX_PARAMETERS);
  for (let index = 0; index < MAX_PARAMETERS; index++) {
    const at = HELLO_BYTES + 4 * index;
    if (at + 4 <= view.length) parameters[index] = view.readUInt32LE(at);
  }
  return {
    version,
    kind: view.readUInt16LE(10),
    reason: view.readUInt32LE(12),
    mechanism: view.toString('utf8', NAME_OFFSET, HELLO_BYTES).replace(/\0.*$/s, ''),
    parameters,
  };
}

/**
 * Reads a handshake message from what has arrived of it on a stream so far. What may come behind it is the
 * caller's.
 *
 * @returns `undefined` while it is not whole; `foreign` as soon as it cannot be one. Of another version it is
 *   whole with the bytes that all versions have: how much follows is that version's business.
 */
export function decodeHelloOfStream(bytes: Uint8Array): Hello | 'foreign' | undefined {
  if (!mayBeHello(bytes)) return 'foreign';
  const hello = decodeHello(bytes.subarray(0, HELLO_BYTES));
  return bytes.length < HELLO_BYTES && hello?.version === PROTOCOL_VERSION ? undefined : hello;
}

function mayBeHello(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, MAGIC.length);
  return MAGIC.compare(bytes, 0, length, 0, length) === 0;
}
