import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';

/**
 * Pieces: what a stream holds. Each is one message of the engine on the subject of the endpoint, with a header
 * `Pageferry` that says what it is, as words with blanks in between:
 *
 * | header                              | meaning                                                                  |
 * |-------------------------------------|--------------------------------------------------------------------------|
 * | `part SEQUENCE OFFSET LENGTH TAG`   | bytes of a message, from `OFFSET` on; `LENGTH` is that of all of it      |
 * | `end SEQUENCE`                      | the sender has closed; `SEQUENCE` is the message that will not come      |
 * | `cut SEQUENCE`                      | a message is lost, and its receivers are cut off                         |
 * | `gone`                              | stands for a piece of a message that all who must not miss it have       |
 *
 * The number that the stream gives a piece is the one that its sender expects it to get (`Nats-Expected-Last-Sequence`),
 * so that no piece is stored twice, or before another one.
 */
const PIECE_HEADER = 'Pageferry';

/** A piece as it was read. Only of a `part` all of it means something; of `end` and `cut` `sequence` does. */
export interface Piece {
  readonly kind: 'part' | 'end' | 'cut' | 'gone';
  /** Number of the message. */
  readonly sequence: number;
  /** Where in the message its bytes belong. */
  readonly offset: number;
  /** Length of the whole message. */
  readonly byteLength: number;
  readonly tag: number;
  readonly bytes: Uint8Array;
}

const NUMBER = /^\d{1,16}$/;
const NONE = new Uint8Array(0);
const WORDS = { part: 5, end: 2, cut: 2, gone: 1 } as const;
const LARGEST_TAG = 0xffffffff;

/**
 * Headers of a piece.
 *
 * @param before the number in the stream of the piece before it.
 */
export function pieceHeaders(before: number, ...words: readonly (string | number)[]): MsgHdrs {
  const all = headers();
  all.set('Nats-Expected-Last-Sequence', `${before}`);
  all.set(PIECE_HEADER, words.join(' '));
  return all;
}

/** The same headers as they are on the wire. */
export function pieceHeaderText(before: number, ...words: readonly (string | number)[]): string {
  return `NATS/1.0\r\nNats-Expected-Last-Sequence: ${before}\r\n${PIECE_HEADER}: ${words.join(' ')}\r\n\r\n`;
}

/** Reads a piece; `undefined` if it is none, or not possible. */
export function readPiece(message: Msg): Piece | undefined {
  const words = message.headers?.get(PIECE_HEADER).split(' ') ?? [];
  const [kind, ...numbers] = words;
  if (!isKind(kind)) return undefined;
  if (words.length !== WORDS[kind] || !numbers.every((word) => NUMBER.test(word))) return undefined;
  const [sequence = 0, offset = 0, byteLength = 0, tag = 0] = numbers.map(Number);
  const bytes = kind === 'part' ? message.data : NONE;
  const isPossible =
    Number.isSafeInteger(sequence + 1) && offset + bytes.length <= byteLength && tag <= LARGEST_TAG;
  return isPossible ? { kind, sequence, offset, byteLength, tag, bytes } : undefined;
}

function isKind(word: string | undefined): word is Piece['kind'] {
  return word !== undefined && Object.hasOwn(WORDS, word);
}
