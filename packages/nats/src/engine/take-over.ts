import type { SenderSettings } from '../options.js';
import type { Engine } from './engine.js';
import { isNotFound } from './errors.js';
import { keepLast } from './keeper.js';
import { SENDER_CONSUMER } from './names.js';

/** Where in a stream a message of its source ends. */
export interface Mark {
  /** Number of the message. */
  readonly sequence: number;
  /** Number in the stream of its last piece. */
  readonly number: number;
}

/** A stream that a sender goes on with, which another one has left. */
export interface TakenOver {
  /** Its name. */
  readonly stream: string;
  /** What the one before has told last: messages behind it may be in the stream, too. None if it has sent nothing. */
  readonly mark: Mark | undefined;
  /** Number of the last piece in the stream. */
  readonly stored: number;
  /** How many bytes its pieces have. */
  readonly pieceBytes: number;
  /** Where its consumer delivers to now. */
  readonly inbox: string;
}

/** What the description of a sender's consumer says: the source, a {@link Mark}, and how long the pieces are. */
const DESCRIPTION = /^(\S+) (none|-1|\d{1,16}) (\d{1,16}) (\d{1,16})$/;
const NONE = 'none';

/**
 * The description of a sender's consumer that tells of a mark, or that nothing was sent.
 *
 * @param pieceBytes how many bytes the pieces of the stream have: the same messages make the same pieces only where that is
 *   the same.
 */
export function describeMark(source: string, mark: Mark | undefined, pieceBytes: number): string {
  return `${source} ${mark?.sequence ?? NONE} ${mark?.number ?? 0} ${pieceBytes}`;
}

/**
 * Takes the stream of a sender that is gone over, if that one has sent what the same source has: has its consumer, which
 * shows that the sender is there, deliver to this process.
 *
 * @returns `undefined` if it cannot be taken over.
 * @throws what the API does, but for what is not there.
 */
export async function takeOver(
  engine: Engine,
  stream: string,
  { takeOver: source, history }: SenderSettings,
): Promise<TakenOver | undefined> {
  const { api } = engine;
  try {
    const { config } = await api.consumers.info(stream, SENDER_CONSUMER);
    const [, found, sequence, number, pieceBytes] =
      DESCRIPTION.exec(config.description ?? '') ?? [];
    const { config: settings, state } = await api.streams.info(stream);
    if (found !== source || (settings.retention === 'limits') !== history > 0) return undefined;
    const isUnknown = sequence === NONE && state.last_seq > 0;
    if (isUnknown || Number(pieceBytes) > engine.pieceBytes) return undefined;
    // A server that was killed may have less than the one before was told, and receivers may have that.
    if (Number(number) > state.last_seq) return undefined;
    const inbox = engine.createInbox();
    engine.subscribe(inbox, keepLast(engine));
    await engine.flush();
    await api.consumers.update(stream, SENDER_CONSUMER, { deliver_subject: inbox });
    const mark = { sequence: Number(sequence), number: Number(number) };
    return {
      stream,
      mark: sequence === NONE ? undefined : mark,
      stored: state.last_seq,
      pieceBytes: Number(pieceBytes),
      inbox,
    };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
