import { describe, expect, test } from 'vitest';
import { BufferSource, FRAME, type Frame, FrameReader } from '../dist/protocol/frame.js';
import { decodeHello, encodeHello, HELLO, HELLO_BYTES, REFUSAL } from '../dist/protocol/hello.js';
import { frame } from './support/raw.js';

function readAll(reader: FrameReader, bytes: Buffer): Frame[] {
  const source = new BufferSource(bytes);
  const frames: Frame[] = [];
  for (let next = reader.read(source); next; next = reader.read(source)) frames.push(next);
  return frames;
}

describe('frames', () => {
  const written: Frame[] = [
    { kind: FRAME.message, value: 0, sequence: 0 },
    { kind: FRAME.release, value: 2 ** 32 - 1, sequence: 2 ** 32 + 5 },
    { kind: FRAME.end, value: 7, sequence: Number.MAX_SAFE_INTEGER },
  ];
  const bytes = Buffer.concat(
    written.map(({ kind, value, sequence }) => frame(kind, value, sequence)),
  );

  test('are read as they were written, wherever the stream is cut', () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new FrameReader();
      const start = readAll(reader, bytes.subarray(0, cut));
      expect(start.length).toBe(Math.floor(cut / 16));
      expect([...start, ...readAll(reader, bytes.subarray(cut))]).toEqual(written);
    }
  });

  test('are read as they were written, byte by byte', () => {
    const reader = new FrameReader();
    const frames = Array.from(bytes, (byte) => readAll(reader, Buffer.from([byte]))).flat();
    expect(frames).toEqual(written);
  });
});

describe('hello', () => {
  const hello = encodeHello(HELLO.refusal, REFUSAL.noRoom);

  test('is read as it was written', () => {
    expect(decodeHello(hello)).toEqual({
      version: 1,
      kind: HELLO.refusal,
      reason: REFUSAL.noRoom,
      transport: 'socket',
    });
  });

  test('is waited for until it is whole', () => {
    expect(hello.length).toBe(HELLO_BYTES);
    for (let length = 0; length < hello.length; length++) {
      expect(decodeHello(hello.subarray(0, length))).toBeUndefined();
    }
  });

  test('is foreign from the first byte that cannot be one', () => {
    for (let position = 0; position < 8; position++) {
      const wrong = Buffer.from(hello);
      wrong[position] = 0x20;
      expect(decodeHello(wrong.subarray(0, position))).toBeUndefined();
      expect(decodeHello(wrong.subarray(0, position + 1))).toBe('foreign');
    }
  });

  test('of another version is told by its first 16 bytes, whatever follows', () => {
    const later = Buffer.from(hello.subarray(0, 16));
    later.writeUInt16LE(900, 8);
    expect(decodeHello(later)).toMatchObject({ version: 900, transport: '' });
  });
});
