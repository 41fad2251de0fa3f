import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createPipePrograms } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith, openPair, pattern } from './support/pair.js';

const real = loadLinuxCalls();
const folder = temporaryFolder();
const MESSAGE = pattern(10_000, 1);

/** System calls of which the one called `name` has done its work on the thread pool, but does not say so yet. */
function heldBack(name: 'writeOnThread' | 'spliceOnThread') {
  const call = real[name] as (...words: unknown[]) => Promise<number>;
  const thread = new EventTarget();
  const calls: LinuxCalls = callsWith({
    [name]: async (...words: unknown[]) => {
      const released = once(thread, 'released');
      const result = await call(...words);
      thread.dispatchEvent(new Event('reached'));
      await released;
      return result;
    },
  });
  return {
    calls,
    reached: once(thread, 'reached'),
    release: () => thread.dispatchEvent(new Event('released')),
  };
}

/** A file, or a socket in blocking mode: what a write or a splice to may take its time. */
const destinations = {
  writeOnThread: async () => {
    const path = folder.fresh();
    const file = await open(path, 'w');
    return { fd: file.fd, arrived: () => readFileSync(path), close: () => file.close() };
  },
  spliceOnThread: async () => {
    const { ours, childs } = await createPipePrograms(() => real).openSocketPair();
    real.setStatusFlags(ours.fd, 0);
    const arrived = (): Uint8Array => {
      const bytes = Buffer.alloc(MESSAGE.length);
      return bytes.subarray(0, real.read(childs.fd, bytes, 0, bytes.length));
    };
    const close = async (): Promise<void> => {
      ours.close();
      childs.close();
    };
    return { fd: ours.fd, arrived, close };
  },
};

describe.each(['writeOnThread', 'spliceOnThread'] as const)(
  'a receiver that is closed while the last of a message is on the thread pool (%s)',
  (name) => {
    expectNothingLeft();

    test('has moved it on, and gives it back to the sender', async () => {
      const thread = heldBack(name);
      await using pair = await openPair(thread.calls);
      const destination = await destinations[name]();
      expect(await pair.sender.send(MESSAGE)).toBe('sent');
      const moving = pair.receiver.spliceTo(destination.fd);
      await thread.reached;
      const closing = pair.receiver.close();
      thread.release();
      expect(await moving).toMatchObject({ byteLength: MESSAGE.length, sequence: 0 });
      await closing;
      expect(MESSAGE.equals(destination.arrived())).toBe(true);
      await pair.sender.flush();
      await destination.close();
    });

    test('is closed only when that is over, where a program writes to its pipe', async () => {
      const thread = heldBack(name);
      const { openPipeReader, openPipe } = createPipePrograms(() => thread.calls);
      const { readEnd, writeEnd } = openPipe();
      const reader = await openPipeReader({ pipe: readEnd });
      const destination = await destinations[name]();
      real.write(writeEnd.fd, MESSAGE, 0, MESSAGE.length);
      const moving = reader.spliceTo(destination.fd);
      await thread.reached;
      let closed = false;
      const closing = reader.close().then(() => {
        closed = true;
      });
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      // The thread may still use the pipe: the caller must not take its number for something else yet.
      expect(closed).toBe(false);
      thread.release();
      expect(await moving).toMatchObject({ byteLength: MESSAGE.length });
      await closing;
      expect(MESSAGE.equals(destination.arrived())).toBe(true);
      for (const end of [readEnd, writeEnd, destination]) await end.close();
    });
  },
);
