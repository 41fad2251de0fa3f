import { VERSION } from './layout.js';

/** Bytes of a message of the handshake without parameters. */
export const HELLO_BYTES = 48;

/** What a message of the handshake says. */
export interface HelloWords {
  readonly kind: number;
  readonly mechanism: string;
  readonly version?: number;
  /** Of a refusal: why. */
  readonly why?: number;
  readonly parameters?: readonly number[];
}

/** A message of the handshake, as docs/shared-memory-layout.md has it, truthful or not. */
export function helloBytes(words: HelloWords): Buffer {
  const { kind, mechanism, version = VERSION, why = 0, parameters = [] } = words;
  const bytes = Buffer.alloc(HELLO_BYTES + 4 * parameters.length);
  bytes.write('PAGEFRRY', 0, 'latin1');
  bytes.writeUInt16LE(version, 8);
  bytes.writeUInt16LE(kind, 10);
  bytes.writeUInt32LE(why, 12);
  bytes.write(mechanism, 16, 32, 'utf8');
  for (const [index, word] of parameters.entries()) {
    bytes.writeUInt32LE(word >>> 0, HELLO_BYTES + 4 * index);
  }
  return bytes;
}

/** What a message of the handshake says of its kind and parameters; `undefined` where it is none. */
export function readHello(
  bytes: Buffer,
): { readonly kind: number; readonly parameters: readonly number[] } | undefined {
  if (bytes.length < HELLO_BYTES) return undefined;
  const parameters: number[] = [];
  for (let at = HELLO_BYTES; at + 4 <= bytes.length; at += 4) {
    parameters.push(bytes.readUInt32LE(at));
  }
  return { kind: bytes.readUInt16LE(10), parameters };
}
