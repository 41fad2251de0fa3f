import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  createPipe,
  EAGAIN,
  EINVAL,
  EMFILE,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  F_SEAL_SEAL,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { probeVmsplice } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith, expectToCross, LENGTHS, openPair } from './support/pair.js';

const real = loadLinuxCalls();

/** A vmsplice that does what a kernel could: copy. */
const copyingVmsplice = callsWith({
  vmsplice: (fd, bytes, offset, length) => real.write(fd, bytes, offset, length),
});

describe('vmsplice on this kernel', () => {
  test('is found to hand over references, or the reason why not', () => {
    const probe = probeVmsplice(real);
    // Whatever this kernel does, the probe must agree with what writing to a spliced page shows.
    expect(['references', 'copies', 'refused']).toContain(probe.result);
    expect(probeVmsplice(copyingVmsplice)).toEqual({ result: 'copies' });
  });
});

describe('a kernel that refuses vmsplice', () => {
  test.each([
    ['EPERM', EPERM],
    ['ENOSYS', ENOSYS],
    ['EOPNOTSUPP', EOPNOTSUPP],
  ])('with %s: messages cross by write, and stats say so', async (name, errno) => {
    await using pair = await openPair(callsWith({ vmsplice: () => -errno }));
    expect(await expectToCross(pair, LENGTHS)).toBe(LENGTHS.length);
    expect(pair.sender.stats()).toMatchObject({
      method: 'write',
      methodReason: `vmsplice: ${name}`,
    });
  });

  test('with a silent copy: messages cross by write, and stats say so', async () => {
    await using pair = await openPair(copyingVmsplice);
    expect(await expectToCross(pair, LENGTHS)).toBe(LENGTHS.length);
    expect(pair.sender.stats()).toMatchObject({
      method: 'write',
      methodReason: 'vmsplice copies on this kernel',
    });
  });

  test('and has only pipes of one page: messages cross all the same', async () => {
    const calls = callsWith({
      vmsplice: () => -EPERM,
      setPipeSize: (fd) => real.setPipeSize(fd, 4096),
    });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [0, 1, 5000, 40_000])).toBe(4);
  });
});

describe('a kernel that refuses to grow a pipe', () => {
  test('gives a smaller pipe, not a failure', async () => {
    await using pair = await openPair(callsWith({ setPipeSize: () => -EPERM }));
    expect(await expectToCross(pair, LENGTHS)).toBe(LENGTHS.length);
    expect(pair.sender.stats().method).toBe('vmsplice');
  });

  test.each([1, 2])('messages cross pipes of %i pages', async (pages) => {
    const calls = callsWith({ setPipeSize: (fd) => real.setPipeSize(fd, pages * 4096) });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [0, 1, 4096, 4097, 40_000, 300_000])).toBe(6);
  });
});

describe('system calls that do less than they were asked for', () => {
  test('a vmsplice and a read of one page at a time lose nothing', async () => {
    const calls = callsWith({
      vmsplice: (fd, bytes, offset, length, flags) =>
        real.vmsplice(fd, bytes, offset, Math.min(length, 4096), flags),
      read: (fd, bytes, offset, length) => real.read(fd, bytes, offset, Math.min(length, 4096)),
    });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [1, 4097, 100_000, 1_500_000])).toBe(4);
  });

  test('a read of a few bytes at a time loses nothing', async () => {
    const calls = callsWith({
      read: (fd, bytes, offset, length) => real.read(fd, bytes, offset, Math.min(length, 1000)),
    });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [1, 4097, 100_000])).toBe(3);
  });

  test('a pipe that is full every other time loses nothing', async () => {
    let calledTimes = 0;
    const calls = callsWith({
      vmsplice: (fd, bytes, offset, length, flags) =>
        // The first call is the probe's.
        calledTimes++ % 2 === 1 ? -EAGAIN : real.vmsplice(fd, bytes, offset, length, flags),
    });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [1, 4097, 100_000, 2_000_000])).toBe(4);
  });
});

describe('resources that are refused', () => {
  test('no memory for a loan is SYSTEM_CALL_FAILED, and the pair works on', async () => {
    let refuse = false;
    const calls = callsWith({ mmap: (...words) => (refuse ? -12 : real.mmap(...words)) });
    await using pair = await openPair(calls);
    refuse = true;
    await expect(pair.sender.loan(8_000_000)).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      syscall: 'mmap',
      errnoName: 'ENOMEM',
    });
    refuse = false;
    expect(await expectToCross(pair, [1, 8_000_000])).toBe(2);
  });

  test('no descriptors for a while: receivers wait, and the event loop goes on', async () => {
    let refusals = 0;
    const calls = callsWith({
      accept4: (fd, flags) => (refusals++ < 2 ? -EMFILE : real.accept4(fd, flags)),
    });
    await using pair = await openPair(calls);
    expect(await expectToCross(pair, [1, 4097])).toBe(2);
    // Two refusals, the receiver, and the look that finds nobody else.
    expect(refusals).toBe(4);
  });

  test('no memfd: the receiver is turned away with a reason, and nothing is left open', async () => {
    const calls = callsWith({ memfdCreate: () => -EPERM });
    await using other = await openPair(real); // What a first pair opens for good is open.
    const before = readdirSync('/proc/self/fd').length;
    await expect(openPair(calls)).rejects.toMatchObject({ code: 'PEER_REJECTED' });
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    expect(await expectToCross(other, [1])).toBe(1);
  });

  test('no seals: a receiver does not trust the memory', async () => {
    const calls = callsWith({ getSeals: () => F_SEAL_SEAL });
    await expect(openPair(calls)).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
  });

  test.each([
    ['EPERM', EPERM],
    ['ENOSYS', ENOSYS],
    ['EOPNOTSUPP', EOPNOTSUPP],
  ])('no splice (%s): messages are passed on by read and write', async (_name, errno) => {
    const calls = callsWith({ splice: () => -errno });
    await using pair = await openPair(calls);
    const next = createPipe(real);
    using readEnd = next.readEnd;
    using writeEnd = next.writeEnd;
    await pair.sender.send(Buffer.from('all of it'));
    expect(await pair.receiver.spliceTo(writeEnd)).toMatchObject({
      byteLength: 9,
      method: 'read-write',
      userSpaceCopies: 2,
    });
    const arrived = Buffer.alloc(20);
    expect(real.read(readEnd.fd, arrived, 0, 20)).toBe(9);
    expect(arrived.toString('utf8', 0, 9)).toBe('all of it');
  });

  test('a splice that is refused with EINVAL is an error, and the message stays', async () => {
    let refuse = true;
    const calls = callsWith({
      splice: (...words) => (refuse ? -EINVAL : real.splice(...words)),
    });
    await using pair = await openPair(calls);
    await pair.sender.send(Buffer.from('still here'));
    await using file = await open('/dev/null', 'w');
    await expect(pair.receiver.spliceTo(file)).rejects.toMatchObject({ errnoName: 'EINVAL' });
    refuse = false;
    expect(await pair.receiver.spliceTo(file)).toMatchObject({ byteLength: 10, sequence: 0 });
  });
});
