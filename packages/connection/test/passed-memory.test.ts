import { createMemoryFile, type OwnedFd, STAT_FIELD, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MEMORY_MESSAGE_ROOM, PassedMemory, passMemory } from '../dist/control/passed-memory.js';

const calls = loadLinuxCalls();
const MAGIC = Buffer.from('PGMM');

describe('memory that is passed for a message', () => {
  expectNothingLeft();

  let sender: UnixSocket;
  let socket: UnixSocket;
  let memory: PassedMemory;

  beforeEach(() => {
    [sender, socket] = UnixSocket.pair(calls);
    memory = new PassedMemory(socket);
  });
  afterEach(() => {
    memory.close();
    sender.close();
    socket.close();
  });

  /** Passes a file of `byteLength` bytes, by which it can be told again. */
  function pass(tag: number, byteLength = tag): boolean {
    using fd = createMemoryFile(calls, 'passed');
    calls.ftruncate(fd.fd, byteLength);
    return passMemory(sender, tag, fd) === 'sent';
  }

  /** Takes memory, and closes it. Tells its length. */
  function take(tag: number): number | undefined {
    const found = memory.take(tag);
    if (typeof found !== 'object') return undefined;
    using fd = found;
    const status = new BigInt64Array(6);
    calls.fstat(fd.fd, status);
    return Number(status[STAT_FIELD.size]);
  }

  /** Has the memory keep what comes next. */
  function keep(): boolean {
    const message = socket.receive(MEMORY_MESSAGE_ROOM);
    if (message === undefined || message === 'end') throw new Error('nothing has come');
    return memory.keep(message);
  }

  /** A message of the sender's as it likes. */
  function say(bytes: Uint8Array, descriptors: number): void {
    const passed = Array.from({ length: descriptors }, () => calls.eventfd(0, 0));
    expect(
      sender.send(
        bytes,
        passed.map((fd) => ({ fd })),
      ),
    ).toBe(true);
    for (const fd of passed) calls.close(fd);
  }

  const tagged = (tag: number): Buffer => {
    const message = Buffer.concat([MAGIC, Buffer.alloc(4)]);
    message.writeInt32LE(tag, 4);
    return message;
  };

  test('is there when the message is, whether the event loop had a turn or not', () => {
    for (const tag of [5, 6]) pass(tag);
    expect(keep()).toBe(true);
    expect([take(5), take(6)]).toEqual([5, 6]);
  });

  test('has any 32-bit word for a tag', () => {
    for (const tag of [0, -1, 0x7fffffff, -0x80000000]) {
      pass(tag, 100);
      expect(take(tag)).toBe(100);
    }
  });

  test('of messages that were dropped is closed when a later one is taken', () => {
    for (const tag of [1, 2, 3, 4]) pass(tag);
    expect(take(3)).toBe(3);
    expect(take(4)).toBe(4);
  });

  test('is not there a second time, nor after a later message', () => {
    for (const tag of [1, 2]) pass(tag);
    expect(take(2)).toBe(2);
    expect([take(2), take(1)]).toEqual([undefined, undefined]);
  });

  test('takes the place of what was passed for that message before, in vain (11.2)', () => {
    pass(1, 100);
    expect(keep()).toBe(true);
    pass(1, 200);
    // It is behind still, in the socket.
    let behind = 1;
    const found = memory.take(1, () => behind-- > 0);
    const status = new BigInt64Array(6);
    using fd = found as OwnedFd;
    calls.fstat(fd.fd, status);
    expect(Number(status[STAT_FIELD.size])).toBe(200);
  });

  test('that the kernel has thrown away is lost, and no breach (11.15)', () => {
    for (const tag of [1, 2]) pass(tag);
    // As it is at RLIMIT_NOFILE: the message comes, its descriptor does not.
    const message = socket.receive(16);
    if (typeof message !== 'object') throw new Error('nothing has come');
    for (const descriptor of message.descriptors) descriptor.close();
    expect(memory.keep({ ...message, descriptors: [], truncated: true })).toBe(true);
    expect(memory.take(1)).toBe('lost');
    expect(take(2)).toBe(2);
  });

  test('that never came is not there, and nobody waits for it', () => {
    expect(take(1)).toBeUndefined();
    sender.close();
    expect(take(1)).toBeUndefined();
  });

  test('that nobody has taken is closed with the rest', () => {
    for (const tag of [1, 2, 3]) pass(tag);
    keep();
    keep();
  });

  test.each([
    ['without its magic', () => say(Buffer.alloc(8), 1)],
    ['that is too short', () => say(tagged(1).subarray(0, 7), 1)],
    ['that is too long', () => say(Buffer.concat([tagged(1), Buffer.alloc(1)]), 1)],
    ['without a descriptor', () => say(tagged(1), 0)],
    ['with two descriptors', () => say(tagged(1), 2)],
  ])('in a message %s breaks the protocol, and is closed', (_, offend) => {
    offend();
    expect(keep()).toBe(false);
  });

  test('breaks the protocol if it is more than a sender may pass ahead', () => {
    let kept = 0;
    for (pass(kept); keep(); pass(kept)) kept++;
    expect(kept).toBe(64);
  });

  test('is refused by a socket that is full or closed, and stays the sender’s', () => {
    let passed = 0;
    while (pass(passed, 1)) passed++;
    expect(passed).toBeGreaterThan(64);
    socket.close();
    expect(pass(0)).toBe(false);
  });
});
