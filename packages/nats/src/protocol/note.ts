import { headers, type Msg } from '@nats-io/transport-node';

/**
 * Notes: what those who ask and those who answer say to each other. Each is one message of the engine, with a header
 * `Pageferry` that has words with blanks in between:
 *
 * | header                         | from        | meaning                                                                   |
 * |--------------------------------|-------------|---------------------------------------------------------------------------|
 * | `question VERSION LENGTH TAG`  | who asks    | to one of the group. All of its bytes, or none of them                    |
 * | `taken`                        | who answers | has the question, and works on it. Repeated now and then                  |
 * | `answer LENGTH TAG`            | who answers | the answer: some of its bytes, from the beginning                         |
 * | `failure LENGTH TAG`           | who answers | the error that is the answer; without bytes: there will be no answer      |
 * | `version VERSION`              | who answers | takes questions of this version alone                                     |
 * | `fetch OFFSET LENGTH`          | both        | wants these bytes of the other one's message                              |
 * | `piece OFFSET`                 | both        | these bytes                                                               |
 * | `done`                         | who asks    | has the answer, or wants none: it may be forgotten                        |
 * | `status`                       | who asks    | wants to know whether the one who answers is there                        |
 * | `open`                         | who answers | is there                                                                  |
 * | `unknown`                      | who answers | knows nothing of this question any more                                   |
 *
 * A note goes to the inbox of one question at the other side, and names that of its own side for the reply. So the servers
 * say at once when nobody listens there any more.
 */
const NOTE_HEADER = 'Pageferry';

/** Version of the notes. */
export const NOTE_VERSION = 1;

/** How many numbers each kind has. */
const NUMBERS = {
  question: 3,
  taken: 0,
  answer: 2,
  failure: 2,
  version: 1,
  fetch: 2,
  piece: 1,
  done: 0,
  status: 0,
  open: 0,
  unknown: 0,
} as const;

/** What a note is about. */
export type NoteKind = keyof typeof NUMBERS;

/** A note as it was read. */
export interface Note {
  readonly kind: NoteKind;
  readonly numbers: readonly number[];
  readonly bytes: Uint8Array;
  /** The inbox of the question at the other side. */
  readonly reply: string;
}

const NUMBER = /^\d{1,15}$/;
const LARGEST_TAG = 0xffffffff;

/** Header of a note. */
export function noteHeaders(kind: NoteKind, ...numbers: readonly number[]) {
  const all = headers();
  all.set(NOTE_HEADER, [kind, ...numbers].join(' '));
  return all;
}

/** Whether a message is one of Pageferry's at all. */
export function isNote(message: Msg): boolean {
  return message.headers?.has(NOTE_HEADER) ?? false;
}

/** Whether the servers say that nobody listens where a note was sent. */
export function saysNobody(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === 503;
}

/** Reads a note; `undefined` if it is none, or not possible. */
export function readNote(message: Msg): Note | undefined {
  const [kind = '', ...words] = message.headers?.get(NOTE_HEADER).split(' ') ?? [];
  if (!Object.hasOwn(NUMBERS, kind)) return undefined;
  if (words.length !== NUMBERS[kind as NoteKind]) return undefined;
  if (!words.every((word) => NUMBER.test(word))) return undefined;
  const numbers = words.map(Number);
  const hasTag = kind === 'question' || kind === 'answer' || kind === 'failure';
  if (hasTag && (numbers.at(-1) ?? 0) > LARGEST_TAG) return undefined;
  return { kind: kind as NoteKind, numbers, bytes: message.data, reply: message.reply ?? '' };
}
