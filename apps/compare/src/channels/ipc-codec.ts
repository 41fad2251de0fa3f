import type { Serializable } from 'node:child_process';

/** How bytes become a message of Node's IPC channel, and back. */
export interface Codec {
  encode(bytes: Buffer): Serializable;
  /** `undefined` for what is no payload. */
  decode(message: unknown): Uint8Array | undefined;
}

/** The serialization `advanced` takes bytes as they are. */
export const advanced: Codec = {
  encode: (bytes) => bytes,
  decode: (message) => (message instanceof Uint8Array ? message : undefined),
};

/** JSON knows no bytes. Base64 is the shortest way that both sides do in native code. */
export const base64: Codec = {
  encode: (bytes) => bytes.toString('base64'),
  decode: (message) => (typeof message === 'string' ? Buffer.from(message, 'base64') : undefined),
};
