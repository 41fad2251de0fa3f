import { noSenderAt, senderAt } from '@pageferry/core';
import { expect, test } from 'vitest';
import { counted, inBytes, whoIsBehind } from '../dist/base/words.js';

test('numbers of bytes are put as people read them', () => {
  expect([0, 1, 1023, 1024, 1536, 65_536, 2 ** 20, 1.25 * 2 ** 20, 2 ** 31].map(inBytes)).toEqual([
    '0 bytes',
    '1 byte',
    '1023 bytes',
    '1 KiB',
    '1.5 KiB',
    '64 KiB',
    '1 MiB',
    '1.3 MiB',
    '2048 MiB',
  ]);
  expect(counted(1, 'delivery', 'deliveries')).toBe('1 delivery');
  expect(counted(0, 'delivery', 'deliveries')).toBe('0 deliveries');
});

test('the other side is named by its endpoint, and by its process where that is known', () => {
  const credentials = { pid: 71, uid: 0, gid: 0 };
  expect(senderAt('/run/a', credentials)).toBe('the sender at /run/a (pid 71)');
  expect(senderAt('/run/a', { ...credentials, pid: undefined })).toBe('the sender at /run/a');
  expect(senderAt('/run/a')).toBe('the sender at /run/a');
  expect(noSenderAt('/run/a')).toBe('no sender at /run/a');
  expect(noSenderAt('fd:3')).toBe('the process at the other end of fd:3 has not answered');
});

test('only who holds something is behind', () => {
  const credentials = { pid: 71, uid: 0, gid: 0 };
  const receivers = [
    { id: 0, credentials, messagesBehind: 16, bytesBehind: 2 ** 20 },
    { id: 1, messagesBehind: 0, bytesBehind: 0 },
    { id: 2, messagesBehind: 1, bytesBehind: 0 },
  ];
  expect(whoIsBehind(receivers)).toBe(
    'receiver 0 (pid 71): 16 messages, 1 MiB; receiver 2: 1 message, 0 bytes',
  );
  expect(whoIsBehind([])).toBe('');
});
