import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { POLLIN } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createPipePrograms, createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith } from './support/pair.js';

const calls = loadLinuxCalls();
const programs = createPipePrograms(() => calls);
let splices = 0;
const transport = createVmspliceTransport('test', () =>
  callsWith({
    spliceOnThread: (...words) => {
      splices++;
      return calls.spliceOnThread(...words);
    },
  }),
);
const folder = temporaryFolder();

/** More than a socket takes of what nobody reads, and less than a pipe holds. */
const MUCH = 400_000;
const LITTLE = 5000;
/** So many little ones leave a socket writable, and without room for a large piece: the splice of that waits. */
const FEW = 4;

/** A socket in blocking mode, at whose other end nobody reads until the test does. */
async function openSlowSocket() {
  const { ours, childs } = await programs.openSocketPair();
  calls.setStatusFlags(ours.fd, 0);
  return {
    fd: ours.fd,
    /** Resolves when something has gone on: as nobody reads it, the splice now waits. */
    async reached(): Promise<void> {
      while ((calls.poll(childs.fd, POLLIN, 0) & POLLIN) === 0) await pause();
    },
    /** Reads so many bytes, without holding up the event loop. Returns what they are, each once. */
    async drain(length: number): Promise<ReadonlySet<number>> {
      const bytes = new Uint8Array(65_536);
      const seen = new Set<number>();
      for (let left = length; left > 0; ) {
        const count = calls.read(childs.fd, bytes, 0, Math.min(left, bytes.length));
        if (count > 0) {
          left -= count;
          for (const byte of bytes.subarray(0, count)) seen.add(byte);
        } else {
          await pause();
        }
      }
      return seen;
    },
    close(): void {
      ours.close();
      childs.close();
    },
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

// Whoever writes is another process: one that was held up could not be ended either.
describe('whoever writes to a pipe is not held up by a blocking socket that nobody reads', () => {
  expectNothingLeft();

  test('a sender, by its receiver', async () => {
    const endpoint = folder.fresh();
    const socket = await openSlowSocket();
    await using victim = new Child(new URL('./peers/victim.mjs', import.meta.url), [endpoint]);
    expect(await victim.message()).toBe('ready');
    victim.send('listen');
    expect(await victim.message()).toBe('done');
    const receiver = await transport.createReceiver({ endpoint });
    try {
      for (let count = 0; count < FEW; count++) {
        victim.send('send');
        expect(await victim.message()).toBe('sent');
        await receiver.spliceTo(socket.fd);
      }
      const before = splices;
      victim.send('send much');
      const moving = receiver.spliceTo(socket.fd);
      expect(await victim.message()).toBe('sent');
      while (splices === before) await pause();
      for (let turn = 0; turn < 50; turn++) await pause(); // It is on its thread by then.
      victim.send('send');
      expect(await victim.message()).toBe('sent');
      expect([...(await socket.drain(FEW * LITTLE + MUCH))]).toEqual([0]);
      expect(await moving).toMatchObject({ byteLength: MUCH, method: 'splice' });
      expect(await receiver.spliceTo(socket.fd)).toMatchObject({
        byteLength: LITTLE,
        sequence: FEW + 1,
      });
      expect([...(await socket.drain(LITTLE))]).toEqual([0]);
    } finally {
      socket.close(); // First: it ends what waits.
      await receiver.close();
    }
  });

  test('a program, by who reads what it writes', async () => {
    const socket = await openSlowSocket();
    const { readEnd, writeEnd } = programs.openPipe();
    calls.setPipeSize(readEnd.fd, 1024 * 1024);
    const reader = await programs.openPipeReader({ pipe: readEnd });
    try {
      await writeBy(writeEnd.fd, MUCH).ended;
      const moving = reader.spliceTo(socket.fd);
      await socket.reached();
      expect(await writeBy(writeEnd.fd, LITTLE).ended).toBe(0);
      const drained = socket.drain(MUCH + LITTLE);
      let moved = (await moving)?.byteLength ?? 0;
      while (moved < MUCH + LITTLE) {
        moved += (await reader.spliceTo(socket.fd))?.byteLength ?? 0;
      }
      expect(moved).toBe(MUCH + LITTLE);
      expect([...(await drained)]).toEqual([0]);
    } finally {
      socket.close();
      await reader.close();
      readEnd.close();
      writeEnd.close();
    }
  });

  function writeBy(fd: number, length: number): { readonly ended: Promise<number> } {
    const head: ChildProcess = spawn('head', ['-c', String(length), '/dev/zero'], {
      stdio: ['ignore', fd, 'inherit'],
    });
    return { ended: once(head, 'exit').then(([code]) => code) };
  }
});
