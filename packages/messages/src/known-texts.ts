/** Longer texts are not kept. */
const LONGEST = 24;
/** How many are kept; a power of two. */
const PLACES = 256;

const known: (string | undefined)[] = new Array(PLACES).fill(undefined);

/**
 * A text of bytes from 0 to 127, the same string each time as long as it is remembered: to find it takes a fifth of making
 * it, and of making it the key of an object.
 *
 * @param bytes others may change them meanwhile: then it is one of the texts that they were.
 * @returns `undefined` if it is longer than what is remembered, or has other bytes.
 */
export function knownText(bytes: Uint8Array, begin: number, length: number): string | undefined {
  if (length === 0 || length > LONGEST) return undefined;
  const first = bytes[begin] as number;
  const last = bytes[begin + length - 1] as number;
  const place = (length * 17 + first * 5 + last * 11) & (PLACES - 1);
  const text = known[place];
  if (text?.length === length && isText(text, bytes, begin)) return text;
  return remember(place, bytes, begin, length);
}

function isText(text: string, bytes: Uint8Array, begin: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[begin + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function remember(
  place: number,
  bytes: Uint8Array,
  begin: number,
  length: number,
): string | undefined {
  let text = '';
  for (let index = 0; index < length; index++) {
    const byte = bytes[begin + index] as number;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  // V8 keeps one string for all keys that are the same, and finds a property faster by that one.
  known[place] = Object.keys({ [text]: true })[0];
  return text;
}
