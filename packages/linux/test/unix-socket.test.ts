import {
  EAGAIN,
  ECONNRESET,
  ENOMEM,
  MESSAGE_FIELD,
  MSG_CTRUNC,
  OwnedFd,
  UnixSocket,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

/** A socket whose next message has so many bytes, or is this error, and brings these descriptors. */
function socketWith(result: number, passed: readonly number[] = [], flags = 0) {
  const { calls, made } = fakeCalls({
    closeAtThreadEnd: () => 0,
    close: () => 0,
    recvmsg: (_, __, ___, ____, descriptors, info) => {
      descriptors.set(passed);
      info[MESSAGE_FIELD.descriptorCount] = passed.length;
      info[MESSAGE_FIELD.flags] = flags;
      return result;
    },
  });
  return { made, socket: new UnixSocket(calls, new OwnedFd(calls, 3)) };
}

describe('a socket that receives', () => {
  test('nothing says so', () => {
    expect(socketWith(-EAGAIN).socket.receive(10)).toBeUndefined();
  });

  test.each([
    ['an orderly end', 0],
    ['a reset', -ECONNRESET],
  ])('%s says that it was the end', (_, result) => {
    expect(socketWith(result).socket.receive(10)).toBe('end');
  });

  test('an error throws it', () => {
    expect(() => socketWith(-ENOMEM).socket.receive(10)).toThrow(
      expect.objectContaining({ syscall: 'recvmsg', errnoName: 'ENOMEM' }),
    );
  });

  test('descriptors with an empty message owns them', () => {
    const message = socketWith(0, [7, 8]).socket.receive(10);
    if (message === undefined || message === 'end') throw new Error('they are lost');
    expect(message.bytes.length).toBe(0);
    expect(message.descriptors.map(({ fd }) => fd)).toEqual([7, 8]);
  });

  test('fewer descriptors than were sent says so, and owns those that came', () => {
    const message = socketWith(1, [7], MSG_CTRUNC).socket.receive(10);
    expect(message).toMatchObject({ truncated: true, descriptors: [{ open: true }] });
  });
});
