import {
  createEntry,
  establish,
  openConnection,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
} from '@pageferry/connection';
import { EMFILE, ENOMEM, type LinuxCalls, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();

/** Calls of which one fails from its `nth` use on. */
function failing(
  name: 'memfdCreate' | 'mmap' | 'eventfd' | 'fstat' | 'addSeals',
  nth = 0,
): LinuxCalls {
  let left = nth;
  const real = calls[name] as (...words: unknown[]) => unknown;
  const fail = name === 'mmap' ? -ENOMEM : -EMFILE;
  return { ...calls, [name]: (...words: unknown[]) => (left-- > 0 ? real(...words) : fail) };
}

describe('a connection that is being set up', () => {
  expectNothingLeft();

  test.each([
    ['memfdCreate', 0],
    ['addSeals', 0],
    ['mmap', 0],
    ['eventfd', 0],
    ['eventfd', 1],
  ] as const)('leaves nothing when %s fails after %i times', (name, nth) => {
    const [socket, other] = UnixSocket.pair(calls);
    expect(() => establish(failing(name, nth), socket, 8, PLAIN_SENDER)).toThrow(
      withCode('SYSTEM_CALL_FAILED'),
    );
    expect(other.send(new Uint8Array(1))).toBe(true);
    expect(socket.receive(8)).toMatchObject({ truncated: false });
    socket.close();
    other.close();
  });

  test.each([
    ['mmap', 0],
    ['fstat', 0],
    ['fstat', 1],
    ['fstat', 2],
  ] as const)('leaves what came to the caller when %s fails after %i times', (name, nth) => {
    const [socket, other] = UnixSocket.pair(calls);
    const { connection, descriptors } = establish(calls, socket, 8, PLAIN_SENDER);
    expect(() => openConnection(failing(name, nth), other, descriptors, 3, PLAIN_RECEIVER)).toThrow(
      withCode('SYSTEM_CALL_FAILED'),
    );
    for (const descriptor of descriptors) expect(descriptor.open).toBe(true);
    descriptors[0]?.close();
    connection.close();
    other.close();
  });

  test('can be abandoned after it was watched, and the socket is still good for an answer', async () => {
    const [socket, other] = UnixSocket.pair(calls);
    const { connection, abandon, passed } = establish(calls, socket, 8, PLAIN_SENDER);
    connection.watch(calls, { onRing: () => undefined, onHangUp: () => undefined });
    abandon();
    passed();
    expect(socket.send(new Uint8Array(1))).toBe(true);
    // Nobody watches the descriptor any more: somebody else can.
    const watcher = calls.watch(socket.fd, 0, () => undefined);
    expect(watcher).not.toBeTypeOf('number');
    if (typeof watcher === 'object') watcher.close();
    socket.close();
    other.close();
  });

  test('carries messages both ways once both ends stand', () => {
    const [socket, other] = UnixSocket.pair(calls);
    const { connection, descriptors, passed } = establish(calls, socket, 8, PLAIN_SENDER);
    const received = descriptors.map((descriptor) => descriptor.duplicate());
    passed();
    using receiver = openConnection(calls, other, received, 3, PLAIN_RECEIVER);
    const entry = createEntry();
    connection.deliveries.push(1, 2, 3, 4);
    expect(receiver.deliveries.available()).toBe(1);
    receiver.deliveries.shift(entry);
    expect([...entry]).toEqual([1, 2, 3, 4]);
    receiver.giveBack(5, 6);
    expect(connection.returns.available()).toBe(1);
    connection.returns.shift(entry);
    expect([...entry]).toEqual([5, 6, 0, 0]);
    connection.close();
  });
});
