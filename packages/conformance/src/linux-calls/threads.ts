import { fstatSync } from 'node:fs';
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EPIPE,
  O_APPEND,
  O_NONBLOCK,
  SPLICE_F_NONBLOCK,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { fill, OUT_OF_BOUNDS_OF_16, pattern, readBytes, writeText } from './support/bytes.js';
import { turns, until } from './support/event-loop.js';
import { Peer } from './support/peer.js';
import { useResources } from './support/resources.js';

/** spliceOnThread and writeOnThread. */
export function describeThreads({ calls, moduleUrl }: SuiteContext): void {
  describe('calls on another thread', () => {
    const resources = useResources(calls);

    /** A pipe that is full and blocks, and how much is in it. */
    function fullPipe(): { readEnd: number; writeEnd: number; size: number } {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = fill(calls, writeEnd);
      calls.setStatusFlags(writeEnd, 0);
      return { readEnd, writeEnd, size };
    }

    test('writeOnThread writes the named bytes', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(await calls.writeOnThread(writeEnd, pattern(32), 4, 8)).toBe(8);
      expect(readBytes(calls, readEnd, 64)).toEqual(pattern(32).slice(4, 12));
    });

    test('spliceOnThread moves bytes', async () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [secondRead, secondWrite] = resources.pipe();
      writeText(calls, firstWrite, 'onward');
      expect(await calls.spliceOnThread(firstRead, secondWrite, 64, 0)).toBe(6);
      expect(readBytes(calls, secondRead, 64)).toEqual(new Uint8Array(Buffer.from('onward')));
    });

    test('the event loop goes on while a call is blocked', async () => {
      const { readEnd, writeEnd, size } = fullPipe();
      let settled = false;
      const written = calls.writeOnThread(writeEnd, Uint8Array.of(7), 0, 1).finally(() => {
        settled = true;
      });
      await turns(5);
      expect(settled).toBe(false);
      expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      expect(await written).toBe(1);
      expect(readBytes(calls, readEnd, 16)).toEqual(Uint8Array.of(7));
    });

    test('failures are results, never rejections', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(await calls.writeOnThread(-1, new Uint8Array(4), 0, 4)).toBe(-EBADF);
      expect(await calls.spliceOnThread(-1, writeEnd, 4, 0)).toBe(-EBADF);
      expect(await calls.spliceOnThread(readEnd, writeEnd, 4, 0)).toBe(-EINVAL);
      const [, otherWrite] = resources.pipe();
      expect(await calls.spliceOnThread(readEnd, otherWrite, 4, SPLICE_F_NONBLOCK)).toBe(-EAGAIN);
      resources.close(readEnd);
      expect(await calls.writeOnThread(writeEnd, new Uint8Array(4), 0, 4)).toBe(-EPIPE);
    });

    test.each(OUT_OF_BOUNDS_OF_16)(
      'memory outside of the bytes ($offset, $length) resolves to EFAULT',
      async ({ offset, length }) => {
        const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
        const written = calls.writeOnThread(writeEnd, new Uint8Array(16), offset, length);
        expect(await written).toBe(-EFAULT);
        expect(readBytes(calls, readEnd, 64)).toBe(-EAGAIN);
      },
    );

    test('more calls block at once than the pool has threads, and all of them end', async () => {
      const pipes = Array.from({ length: 12 }, () => fullPipe());
      const written = pipes.map(({ writeEnd }, index) =>
        calls.writeOnThread(writeEnd, Uint8Array.of(index), 0, 1),
      );
      for (const { readEnd, size } of pipes) {
        expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      }
      expect(await Promise.all(written)).toEqual(new Array(12).fill(1));
      const arrived = pipes.map(({ readEnd }) => readBytes(calls, readEnd, 16));
      expect(arrived).toEqual(pipes.map((_, index) => Uint8Array.of(index)));
    });

    test('600 writes at once are all carried out', async () => {
      const file = resources.memory(0);
      calls.setStatusFlags(file, O_APPEND);
      const written = Array.from({ length: 600 }, (_, index) =>
        calls.writeOnThread(file, pattern(3, index), 0, 3),
      );
      expect(await Promise.all(written)).toEqual(new Array(600).fill(3));
      expect(fstatSync(file).size).toBe(1800);
    });

    test('600 splices at once share what comes through the pipe', async () => {
      const [firstRead, firstWrite] = resources.pipe();
      const [secondRead, secondWrite] = resources.pipe(O_NONBLOCK);
      calls.setStatusFlags(secondWrite, 0);
      const moved = Array.from({ length: 600 }, () =>
        calls.spliceOnThread(firstRead, secondWrite, 1, 0),
      );
      calls.write(firstWrite, pattern(600), 0, 600);
      // Each spliced byte takes a slot of its own, so the second pipe is full again and again.
      let arrived = 0;
      await until(() => {
        const bytes = readBytes(calls, secondRead, 600);
        if (typeof bytes !== 'number') arrived += bytes.length;
        return arrived === 600;
      });
      expect(await Promise.all(moved)).toEqual(new Array(600).fill(1));
    });

    test('bytes that nobody else refers to live until they are written', async () => {
      const { readEnd, writeEnd, size } = fullPipe();
      await using peer = Peer.start('blocking', {
        moduleUrl,
        scenario: 'write-and-forget',
        descriptor: writeEnd,
        nodeOptions: ['--expose-gc'],
      });
      expect(await peer.message()).toBe('collected');
      expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      expect(await peer.message()).toBe(100);
      expect(readBytes(calls, readEnd, 1000)).toEqual(new Uint8Array(100).fill(42));
      expect(await peer.exit).toMatchObject({ code: 0 });
    });
  });
}
