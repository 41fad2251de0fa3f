import { openSync, truncateSync, writeFileSync } from 'node:fs';
import { controlByteLength } from '@pageferry/connection';
import { createMemoryFile, createPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { FALSE_BELLS } from '@pageferry/testkit/false-bells';
import { describe, expect, test } from 'vitest';
import { connect, MISBEHAVED } from './support/hostile-pair.js';
import type { Lies } from './support/hostile-sender.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();

/** Passes a descriptor that is closed again at once. */
async function connectWith(fd: number, lies: (fd: number) => Lies): Promise<never> {
  try {
    const connected = await connect(folder.fresh(), lies(fd));
    await connected[Symbol.asyncDispose]();
  } finally {
    calls.close(fd);
  }
  throw new Error('the receiver has accepted this');
}

function regularFile(byteLength: number): number {
  const path = folder.fresh('file');
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  return openSync(path, 'r+');
}

describe('a receiver refuses a sender that passes', () => {
  expectNothingLeft();
  const byteLength = controlByteLength(8);

  test('control memory that is not sealed', async () => {
    const fd = createMemoryFile(calls, 'pageferry-control').release();
    calls.ftruncate(fd, byteLength);
    await expect(connectWith(fd, (memory) => ({ instead: { memory } }))).rejects.toThrow(
      MISBEHAVED,
    );
  });

  test('a regular file as control memory', async () => {
    const fd = regularFile(byteLength);
    await expect(connectWith(fd, (memory) => ({ instead: { memory } }))).rejects.toThrow(
      MISBEHAVED,
    );
  });

  test.each([0, 1, 2, 3])('only %i descriptors', async (only) => {
    await expect(connect(folder.fresh(), { only })).rejects.toThrow(MISBEHAVED);
  });

  test('more descriptors than there should be, all of which it closes', async () => {
    const fd = calls.eventfd(0, 0);
    await expect(connectWith(fd, (extra) => ({ extra: [extra, extra] }))).rejects.toThrow(
      MISBEHAVED,
    );
  });

  test('a socket, an eventfd or a file where the pipe should be', async () => {
    for (const fd of [calls.socket(1, 1, 0), calls.eventfd(1, 0), regularFile(4096)]) {
      await expect(connectWith(fd, (pipe) => ({ instead: { pipe } }))).rejects.toThrow(MISBEHAVED);
    }
  });

  test('the write end of a pipe', async () => {
    const { readEnd, writeEnd } = createPipe(calls);
    const fd = writeEnd.release();
    await expect(connectWith(fd, (pipe) => ({ instead: { pipe } }))).rejects.toThrow(MISBEHAVED);
    readEnd.close();
  });

  test.each(['senderBell', 'receiverBell'] as const)('a file as the %s', async (bell) => {
    const fd = regularFile(8);
    await expect(connectWith(fd, () => ({ instead: { [bell]: fd } }))).rejects.toThrow(MISBEHAVED);
  });

  test.each(Object.entries(FALSE_BELLS))('%s for a doorbell (11.14)', async (_, open) => {
    for (const bell of ['senderBell', 'receiverBell'] as const) {
      const fd = open(calls);
      await expect(connectWith(fd, () => ({ instead: { [bell]: fd } }))).rejects.toThrow(
        MISBEHAVED,
      );
    }
  });
});
