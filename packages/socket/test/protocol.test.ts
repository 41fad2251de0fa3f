import { describe, expect, test } from 'vitest';
import {
  BufferSource,
  FRAME,
  FRAME_BYTES,
  type Frame,
  FrameReader,
} from '../dist/protocol/frame.js';
import { frame } from './support/raw.js';

function readAll(reader: FrameReader, bytes: Buffer): Frame[] {
  const source = new BufferSource(bytes);
  const frames: Frame[] = [];
  for (let next = reader.read(source); next; next = reader.read(source)) frames.push(next);
  return frames;
}

describe('frames', () => {
  const written: Frame[] = [
    { kind: FRAME.message, value: 0, sequence: 0, tag: 2 ** 32 - 1, exchange: 1 },
    { kind: FRAME.release, value: 2 ** 32 - 1, sequence: 2 ** 32 + 5, tag: 0, exchange: 0 },
    { kind: FRAME.end, value: 7, sequence: Number.MAX_SAFE_INTEGER, tag: 7, exchange: 2 ** 32 - 1 },
  ];
  const bytes = Buffer.concat(
    written.map(({ kind, value, sequence, tag, exchange }) =>
      frame(kind, value, sequence, tag, exchange),
    ),
  );

  test('are read as they were written, wherever the stream is cut', () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new FrameReader();
      const start = readAll(reader, bytes.subarray(0, cut));
      expect(start.length).toBe(Math.floor(cut / FRAME_BYTES));
      expect([...start, ...readAll(reader, bytes.subarray(cut))]).toEqual(written);
    }
  });

  test('are read as they were written, byte by byte', () => {
    const reader = new FrameReader();
    const frames = Array.from(bytes, (byte) => readAll(reader, Buffer.from([byte]))).flat();
    expect(frames).toEqual(written);
  });
});
