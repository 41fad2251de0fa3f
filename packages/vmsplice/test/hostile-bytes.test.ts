import { closeSync, constants, openSync } from 'node:fs';
import { createPipe, O_DIRECT } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { connect, DIED, LIMIT, MISBEHAVED } from './support/hostile-pair.js';
import type { HostileSender } from './support/hostile-sender.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();

describe('a receiver whose sender announces bytes that are not in the pipe learns so', () => {
  expectNothingLeft();

  /** Announces 8192 bytes of which only some are there. */
  function lie(sender: HostileSender, there: number): void {
    sender.announce(8192);
    if (there > 0) sender.put(there);
    sender.claim(8192);
  }

  describe.each([0, 1, 4096])('where %i of 8192 are there', (there) => {
    test('when it receives', async () => {
      await using pair = await connect(folder.fresh());
      lie(pair.sender, there);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    });

    test.each([
      ['a file', () => openSync(folder.fresh(), 'w')],
      ['a file for direct I/O', () => openDirect()],
      ['/dev/null', () => openSync('/dev/null', 'w')],
      ['a pipe', () => somePipe()],
    ])('when it splices to %s', async (_, open) => {
      await using pair = await connect(folder.fresh());
      const fd = open();
      lie(pair.sender, there);
      await expect(pair.receiver.spliceTo(fd, LIMIT)).rejects.toThrow(MISBEHAVED);
      close(fd);
    });

    test('when it splices and tees', async () => {
      await using pair = await connect(folder.fresh());
      const { readEnd, writeEnd } = createPipe(calls);
      const fd = openSync('/dev/null', 'w');
      lie(pair.sender, there);
      const splicing = pair.receiver.spliceTo(fd, { tee: writeEnd.fd, ...LIMIT });
      await expect(splicing).rejects.toThrow(MISBEHAVED);
      closeSync(fd);
      readEnd.close();
      writeEnd.close();
    });
  });

  const opened: number[] = [];
  const openDirect = (): number => {
    return openSync(folder.fresh(), O_DIRECT | constants.O_CREAT | constants.O_RDWR, 0o600);
  };
  const somePipe = (): number => {
    const { readEnd, writeEnd } = createPipe(calls);
    opened.push(readEnd.release());
    return writeEnd.release();
  };
  const close = (fd: number): void => {
    for (const other of [fd, ...opened.splice(0)]) calls.close(other);
  };

  test('when part of a block is there for a file with direct I/O, and the sender dies', async () => {
    await using pair = await connect(folder.fresh());
    const fd = openDirect();
    pair.sender.announce(8192);
    pair.sender.put(100);
    pair.sender.claim(100);
    const splicing = pair.receiver.spliceTo(fd, LIMIT);
    splicing.catch(() => undefined);
    await new Promise(setImmediate);
    pair.sender.hangUp();
    await expect(splicing).rejects.toThrow(DIED);
    calls.close(fd);
  });
});
