import {
  decodeHello,
  decodeHelloOfStream,
  encodeHello,
  HELLO_BYTES,
  HELLO_KIND,
  MAX_HELLO_BYTES,
  PROTOCOL_VERSION,
  REFUSAL,
} from '@pageferry/core';
import { describe, expect, test } from 'vitest';

const words = (parameters: readonly number[]): number[] => [
  ...(decodeHello(encodeHello(HELLO_KIND.hello, 'name', 0, parameters))?.parameters ?? []),
];

describe('the parameters of a handshake', () => {
  test('arrive as they were given; those that are missing are 0', () => {
    expect(words([])).toEqual(new Array(16).fill(0));
    expect(words([1, 0xffffffff, 0, 7])).toEqual([1, 0xffffffff, 0, 7, ...new Array(12).fill(0)]);
    const all = Array.from({ length: 16 }, (_, index) => index * 0x01010101);
    expect(words(all)).toEqual(all);
  });

  test('fit into the largest message that is read, all of them', () => {
    const bytes = encodeHello(HELLO_KIND.hello, 'x'.repeat(32), 0, new Array(16).fill(1));
    expect(bytes.length).toBeLessThanOrEqual(MAX_HELLO_BYTES);
  });

  test('leave the rest of the message as it is', () => {
    expect(decodeHello(encodeHello(HELLO_KIND.refusal, 'shared-mmap', 4, [9]))).toMatchObject({
      kind: HELLO_KIND.refusal,
      reason: 4,
      mechanism: 'shared-mmap',
    });
  });

  test('that are cut off in the middle of a word count as 0', () => {
    const bytes = encodeHello(HELLO_KIND.hello, 'name', 0, [5, 6]);
    const cut = decodeHello(bytes.subarray(0, bytes.length - 1));
    expect([...(cut?.parameters ?? [])].slice(0, 3)).toEqual([5, 0, 0]);
  });

  test('beyond the sixteenth make it no message of this version', () => {
    const bytes = Buffer.concat([
      encodeHello(HELLO_KIND.hello, 'name', 0, new Array(16).fill(1)),
      Buffer.alloc(4, 255),
    ]);
    expect(decodeHello(bytes.subarray(0, 112))?.parameters).toEqual(new Uint32Array(16).fill(1));
    expect(decodeHello(bytes)).toBeUndefined();
    bytes.writeUInt16LE(PROTOCOL_VERSION + 1, 8);
    expect(decodeHello(bytes)?.version).toBe(PROTOCOL_VERSION + 1);
  });
});

describe('a handshake on a stream', () => {
  const hello = encodeHello(HELLO_KIND.refusal, 'socket', REFUSAL.noRoom);

  test('is read as it was written, whatever follows', () => {
    const expected = {
      version: PROTOCOL_VERSION,
      kind: HELLO_KIND.refusal,
      reason: REFUSAL.noRoom,
      mechanism: 'socket',
      parameters: new Uint32Array(16),
    };
    expect(decodeHelloOfStream(hello)).toEqual(expected);
    expect(decodeHelloOfStream(Buffer.concat([hello, Buffer.alloc(9, 1)]))).toEqual(expected);
  });

  test('is waited for until it is whole', () => {
    expect(hello.length).toBe(HELLO_BYTES);
    for (let length = 0; length < hello.length; length++) {
      expect(decodeHelloOfStream(hello.subarray(0, length))).toBeUndefined();
    }
  });

  test('is foreign from the first byte that cannot be one', () => {
    for (let position = 0; position < 8; position++) {
      const wrong = Buffer.from(hello);
      wrong[position] = 0x20;
      expect(decodeHelloOfStream(wrong.subarray(0, position))).toBeUndefined();
      expect(decodeHelloOfStream(wrong.subarray(0, position + 1))).toBe('foreign');
    }
  });

  test('of another version is told by its first 16 bytes, whatever follows', () => {
    const later = Buffer.from(hello.subarray(0, 16));
    later.writeUInt16LE(900, 8);
    expect(decodeHelloOfStream(later)).toMatchObject({ version: 900, mechanism: '' });
  });
});
