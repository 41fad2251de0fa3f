import { MAX_NAME_BYTES } from './format.js';

/** How many names are kept: a program has few. */
const MOST = 64;

const encoded = new Map<string, Uint8Array>();

/** The name of a request in UTF-8: to be read only, and kept for the next time. */
export function encodedName(name: string): Uint8Array {
  const known = encoded.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) {
    if (encoded.size === MOST) encoded.clear();
    encoded.set(name, bytes);
  }
  return bytes;
}
