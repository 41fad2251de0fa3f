import {
  establish,
  openConnection,
  PLAIN_SENDER,
  QueueProducer,
  type ReceiverConnection,
  SENDER,
  type SenderConnection,
} from '@pageferry/connection';
import { encodeSideRecord } from '@pageferry/connection/internals';
import { createMemoryFile, type OwnedFd, STAT_FIELD } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { type ConnectionPair, expectNothingLeft, openConnectionPair } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DESCRIPTORS_RECORD, MEMORY_RECORD, RECEIVER_WORDS, SENDER_WORDS } from '../dist/layout.js';
import { ClaimableConsumer } from '../dist/queue/claimable-queue.js';
import { PassedMemory } from '../dist/queue/passed-memory.js';
import { MemoryChannel } from '../dist/sending/memory-channel.js';

const calls = loadLinuxCalls();

describe('memory that is passed for a message', () => {
  expectNothingLeft();

  let pair: ConnectionPair<SenderConnection, ReceiverConnection<ClaimableConsumer>>;
  let channel: MemoryChannel;
  let memory: PassedMemory;

  beforeEach(() => {
    pair = openConnectionPair(calls, {
      establish: (...where) => establish(...where, PLAIN_SENDER),
      openConnection: (...where) =>
        openConnection(...where, {
          openQueue: (words, place) => new ClaimableConsumer(words, place),
        }),
    });
    channel = new MemoryChannel(pair.sender);
    memory = new PassedMemory(pair.receiver);
  });
  afterEach(() => {
    memory.close();
    pair[Symbol.dispose]();
  });

  /** Passes a file of `byteLength` bytes, by which it can be told again. */
  function pass(tag: number, byteLength = tag): boolean {
    using fd = createMemoryFile(calls, 'passed');
    calls.ftruncate(fd.fd, byteLength);
    return channel.pass(tag, fd) === 'sent';
  }

  /** Takes memory, and closes it. Tells its length. */
  function take(tag: number): number | undefined {
    const found = memory.take(tag);
    if (typeof found !== 'object') return undefined;
    expect(found).toHaveLength(1);
    using fd = found[0] as OwnedFd;
    const status = new BigInt64Array(6);
    calls.fstat(fd.fd, status);
    return Number(status[STAT_FIELD.size]);
  }

  /** Takes what comes next off the socket. False if it breaks the protocol. */
  const keep = (): boolean => pair.receiver.takeRecordNow();

  /** Says what a sender may say, or not, on the socket. */
  function say(bytes: Uint8Array, descriptors: number): void {
    const passed = Array.from({ length: descriptors }, () => calls.eventfd(0, 0));
    const { socket } = pair.sender.waitable;
    expect(
      socket.send(
        bytes,
        passed.map((fd) => ({ fd })),
      ),
    ).toBe(true);
    for (const fd of passed) calls.close(fd);
  }

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
    // It is in the socket still.
    expect(take(1)).toBe(200);
  });

  test('that the kernel has thrown away is lost, and no breach (11.15)', () => {
    const { socket } = pair.receiver.waitable;
    const real = socket.receive.bind(socket);
    // As it is at RLIMIT_NOFILE: the message comes, its descriptor does not.
    socket.receive = (maxBytes) => {
      socket.receive = real;
      const message = real(maxBytes);
      if (typeof message !== 'object') return message;
      for (const descriptor of message.descriptors) descriptor.close();
      return { ...message, descriptors: [], truncated: true, descriptorsLost: true };
    };
    for (const tag of [1, 2]) pass(tag);
    expect(memory.take(1)).toBe('lost');
    expect(take(2)).toBe(2);
  });

  test('that never came is not there, and nobody waits for it', () => {
    expect(take(1)).toBeUndefined();
    pair.sender.close();
    expect(take(1)).toBeUndefined();
  });

  test('that nobody has taken is closed with the rest', () => {
    for (const tag of [1, 2, 3]) pass(tag);
    keep();
    keep();
  });

  test.each([
    ['of another kind', () => say(encodeSideRecord(1, 1), 1)],
    ['without a descriptor', () => say(encodeSideRecord(MEMORY_RECORD, 1), 0)],
    ['with two memories', () => say(encodeSideRecord(MEMORY_RECORD, 1), 2)],
    ['of descriptors without any', () => say(encodeSideRecord(DESCRIPTORS_RECORD, 1), 0)],
    ['that is no record', () => say(Buffer.alloc(7), 1)],
  ])('in a message %s breaks the protocol, and is closed', (_, offend) => {
    offend();
    expect(keep()).toBe(false);
  });

  test('is counted on both sides', () => {
    for (const tag of [1, 2, 3]) pass(tag);
    expect(channel.untaken).toBe(3);
    keep();
    expect(channel.untaken).toBe(2);
    const { words } = pair.sender;
    expect([words[SENDER_WORDS.memoriesPassed], words[RECEIVER_WORDS.memoriesTaken]]).toEqual([
      3, 1,
    ]);
  });

  test('does not keep who looks for it, however much more is said meanwhile (11.14)', () => {
    const { socket } = pair.receiver.waitable;
    const real = socket.receive.bind(socket);
    let said = 0;
    socket.receive = (maxBytes) => {
      new QueueProducer(
        pair.sender.words,
        { counter: SENDER.delivered, entries: 1024, capacity: 8, stride: 8 },
        said,
      ).push(0, 0, 0, said);
      pass(said++, 1);
      return real(maxBytes);
    };
    expect(memory.take(-1)).toBeUndefined();
    expect(said).toBeLessThan(100);
  });

  test('breaks the protocol if it is more than a sender may pass ahead', () => {
    let kept = 0;
    // Numbers that are yet to come: nobody can tell that they are not needed.
    for (pass(1); keep(); pass(kept + 1)) kept++;
    expect(kept).toBe(64);
  });

  test('may have descriptors behind it, or be none but these', () => {
    using own = createMemoryFile(calls, 'own');
    using file = createMemoryFile(calls, 'file');
    expect(channel.pass(1, own, [file, file])).toBe('sent');
    expect(channel.pass(2, undefined, Array(253).fill(file))).toBe('sent');
    for (const [sequence, count] of [
      [1, 3],
      [2, 253],
    ] as const) {
      const found = memory.take(sequence);
      expect(found).toHaveLength(count);
      for (const descriptor of found as readonly OwnedFd[]) descriptor.close();
    }
  });

  test('breaks the protocol if it is more descriptors than a sender may pass ahead', () => {
    using file = createMemoryFile(calls, 'file');
    const pass = (tag: number) => channel.pass(tag, undefined, Array(200).fill(file));
    let kept = 0;
    for (pass(1); keep(); pass(kept + 1)) kept++;
    expect(kept).toBe(5);
  });

  test('is counted by descriptors while it is on the socket', () => {
    using file = createMemoryFile(calls, 'file');
    for (const tag of [1, 2]) channel.pass(tag, undefined, Array(100).fill(file));
    expect([channel.hasRoomFor(56), channel.hasRoomFor(57)]).toEqual([true, false]);
    keep();
    expect([channel.hasRoomFor(156), channel.hasRoomFor(157)]).toEqual([true, false]);
  });

  test('is refused by a socket that is full or closed, and stays the sender’s', () => {
    let passed = 0;
    while (pass(passed, 1)) passed++;
    expect(passed).toBeGreaterThan(64);
    pair.receiver.close();
    expect(pass(0)).toBe(false);
  });
});
