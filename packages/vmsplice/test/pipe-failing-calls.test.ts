import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { isPageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createPipePrograms } from '@pageferry/vmsplice';
import { expect, test } from 'vitest';
import { callsWith, pattern } from './support/pair.js';

const { EIO, ENOMEM, EPERM } = constants.errno;
const real = loadLinuxCalls();
/** Ends a wait that has lost what would have ended it. Nothing is decided by it. */
const LIMIT = { timeout: 100 };
const SIZES = [100, 5000, 0, 300_000, 2_000_000, 7];

type AnyCalls = Record<string, (...words: unknown[]) => unknown>;

/** System calls of which the one called `name` fails once, or from its `first` call on. */
function failing(name: string, errno: number, first: number, count: number): LinuxCalls {
  let made = 0;
  const isDue = () => ++made >= first && made < first + count;
  if (name === 'watcher.update' || name === 'watcher.callback') {
    return callsWith({
      watch: (fd, events, callback) => {
        const watcher = real.watch(fd, events, (error, revents) => {
          if (name === 'watcher.callback' && isDue()) callback(-errno, 0);
          else callback(error, revents);
        });
        if (typeof watcher === 'number') return watcher;
        const update = (wanted: number) =>
          name === 'watcher.update' && isDue() ? -errno : watcher.update(wanted);
        return {
          update,
          ref: () => watcher.ref(),
          unref: () => watcher.unref(),
          close: () => watcher.close(),
        };
      },
    });
  }
  const call = (real as unknown as AnyCalls)[name];
  return callsWith({
    [name]: (...words: unknown[]) => {
      if (!isDue()) return call?.(...words);
      return name.endsWith('OnThread') ? Promise.resolve(-errno) : -errno;
    },
  });
}

/** What a call resolves to, or the code of its error, which has to be a typed one. */
async function attempt<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (!isPageferryError(error)) throw error;
    return undefined;
  }
}

const folder = temporaryFolder();
expectNothingLeft();

test.each([
  'vmsplice',
  'write',
  'read',
  'poll',
  'splice',
  'tee',
  'spliceOnThread',
  'writeOnThread',
  'mmap',
  'madvise',
  'alias',
  'pipe2',
  'duplicate',
  'fstat',
  'getStatusFlags',
  'getPipeSize',
  'watch',
  'watcher.update',
  'watcher.callback',
])(
  'whenever %s fails, what arrives is what was written, without a hole',
  async (name) => {
    const errnos = [EIO, ENOMEM, EPERM];
    for (let first = 1; first <= 10; first++) {
      for (const count of [1, Number.POSITIVE_INFINITY]) {
        const calls = failing(name, errnos[first % errnos.length] as number, first, count);
        const programs = createPipePrograms(() => calls);
        const program = await attempt(() => programs.spawnPiped('cat', [], { stderr: 'ignore' }));
        if (program === undefined) continue;
        const { stdin, stdout } = program;
        const path = folder.fresh();
        const file = await open(path, 'a');
        const messages = SIZES.map((size, number) => pattern(size, number));
        const writing = (async () => {
          const written: Buffer[] = [];
          for (const message of messages) {
            const loan = await attempt(() => stdin.loan(message.length, LIMIT));
            if (loan === undefined) continue;
            // The reader below gave up, and destroyed the writer, while the loan was on its way here.
            if (!loan.owned) break;
            loan.bytes.set(message);
            await attempt(() => loan.send(LIMIT));
            if (!loan.owned) written.push(message);
            loan.release();
          }
          await attempt(() => stdin.close(LIMIT));
          return Buffer.concat(written);
        })();
        for (let round = 0, failures = 0; !stdout.ended && failures < 5; round++) {
          const before = stdout.stats().bytesRead;
          if (round % 2 === 0) {
            await attempt(() => stdout.spliceTo(file, LIMIT));
          } else {
            const chunk = await attempt(() => stdout.read(LIMIT));
            if (chunk !== undefined) await file.appendFile(chunk.bytes);
            chunk?.release();
          }
          if (stdout.stats().bytesRead === before) failures++;
        }
        await stdin.destroy();
        const written = await writing;
        const arrived = readFileSync(path);
        const where = `${name}, call ${first}, ${count} times`;
        expect(arrived.length, where).toBe(stdout.stats().bytesRead);
        // The last one may have gone in as a part.
        expect(arrived.length, where).toBeLessThanOrEqual(written.length);
        expect(arrived.equals(written.subarray(0, arrived.length)), where).toBe(true);
        program.child.kill('SIGKILL');
        await program.close();
        await program.exited;
        await file.close();
      }
    }
  },
  60_000,
);
