import { describe, expect, test } from 'vitest';
import { decodeHello, encodeHello, HELLO_KIND, MAX_HELLO_BYTES } from '../dist/rendezvous/hello.js';

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

  test('beyond the sixteenth are not looked at', () => {
    const bytes = Buffer.concat([
      encodeHello(HELLO_KIND.hello, 'name', 0, new Array(16).fill(1)),
      Buffer.alloc(64, 255),
    ]);
    expect(decodeHello(bytes)?.parameters).toEqual(new Uint32Array(16).fill(1));
  });
});
