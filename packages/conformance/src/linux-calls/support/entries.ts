/** A message that lies in a mapping, as an entry tells of it. */
export interface Message {
  /** In units of 4 bytes. */
  readonly place: number;
  readonly length: number;
  readonly number: number;
  readonly flags?: number;
}

/** The flags of messages that lie in other memory. Any one of them is enough. */
export const ELSEWHERE = 0b1010;

const FIRST = 5;
const STRIDE = 9;
const PLACE_UNIT = 4;
/** Where an entry has what, in an order that no binding expects, with words in between. */
const WORD = { upperNumber: 0, flags: 2, length: 3, lowerNumber: 4, place: 6 } as const;

/** How `count` entries lie in the words that {@link entriesOf} makes of them. */
export function shapeOf(count: number): Int32Array<ArrayBuffer> {
  const { length, place, lowerNumber, upperNumber, flags } = WORD;
  return Int32Array.of(
    ...[FIRST, count, STRIDE, length, place, PLACE_UNIT, lowerNumber, upperNumber],
    ...[flags, ELSEWHERE],
  );
}

/** Words with an entry for each of those messages: not one more than that takes. */
export function entriesOf(...messages: readonly Message[]): Int32Array<ArrayBuffer> {
  const wordsAfterLast = STRIDE - 1 - Math.max(...Object.values(WORD));
  const words = new Int32Array(FIRST + messages.length * STRIDE - wordsAfterLast);
  // What lies between the entries, and between what they have, means nothing.
  words.fill(-1);
  for (const [index, message] of messages.entries()) putEntry(words, index, message);
  return words;
}

/** Writes an entry over another. Numbers that do not fit into 32 bits are cut off, but for that of the message. */
export function putEntry(words: Int32Array, index: number, message: Message): void {
  const { place, length, number, flags = 0 } = message;
  const at = FIRST + index * STRIDE;
  words[at + WORD.place] = place;
  words[at + WORD.length] = length;
  words[at + WORD.lowerNumber] = number;
  words[at + WORD.upperNumber] = Math.floor(number / 2 ** 32);
  words[at + WORD.flags] = flags;
}
