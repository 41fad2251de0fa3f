import { describe, expect, it } from 'vitest';
import { AnswersInOrder } from '../dist/channels/requests/answers-in-order.js';
import { FrameReader, frameFor } from '../dist/channels/requests/frames.js';

/** What a reader makes of chunks: the messages, each put together from its parts. */
function readAll(chunks: readonly Buffer[]): readonly string[] {
  const messages: string[] = [];
  let message = '';
  const reader = new FrameReader(
    (bytes, start, end, offset) => {
      expect(offset).toBe(message.length);
      message += Buffer.from(bytes).toString('latin1', start, end);
    },
    () => {
      messages.push(message);
      message = '';
    },
  );
  for (const chunk of chunks) reader.take(chunk);
  expect(message).toBe('');
  return messages;
}

describe('frames', () => {
  const TEXTS = ['one', 'x'.repeat(300), 'the third'];
  const stream = Buffer.concat(
    TEXTS.map((text) => {
      const { bytes, message } = frameFor(text.length);
      message.write(text);
      return bytes;
    }),
  );

  it('are found wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(readAll([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(TEXTS);
    }
  });

  it('are found where every byte comes alone', () => {
    expect(readAll(Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(TEXTS);
  });

  it('have their length before them, little-endian', () => {
    expect(stream.readUInt32LE(0)).toBe(3);
    expect([...stream.subarray(7, 11)]).toEqual([300 & 0xff, 300 >>> 8, 0, 0]);
  });
});

describe('answers in order', () => {
  it('go to who has asked longest', async () => {
    const answers = new AnswersInOrder();
    const seen: string[] = [];
    const ask = (name: string) => answers.next((bytes) => void seen.push(`${name}: ${bytes}`));
    const [first, second] = [ask('first'), ask('second')];
    answers.take(Buffer.from('a'));
    await first;
    answers.take(Buffer.from('b'));
    await second;
    expect(seen).toEqual(['first: a', 'second: b']);
  });

  it('that nobody has asked for are no answers', () => {
    expect(() => new AnswersInOrder().take(Buffer.from('a'))).toThrow('nobody has asked');
  });

  it('that do not come any more are told to all who wait', async () => {
    const answers = new AnswersInOrder();
    const waiting = [answers.next(() => {}), answers.next(() => {})];
    answers.end();
    for (const each of waiting) await expect(each).rejects.toThrow('ended 2 messages early');
  });
});
