import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ENOMEM, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { createAttachments } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith } from './support/pair.js';

const real = loadLinuxCalls();
const LIMIT = { timeout: 10_000 };
const MIB = 1024 * 1024;
/** More than any pipe takes. */
const LARGE = 3 * MIB;

/** Lets the event loop turn often. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

/** System calls, and how often the kernel has told that a watched descriptor is ready. */
function counted(changed: Partial<LinuxCalls> = {}) {
  const told = { times: 0 };
  const calls = callsWith({
    ...changed,
    watch: (fd, events, onReady) =>
      real.watch(fd, events, (...words) => {
        told.times++;
        onReady(...words);
      }),
  });
  return { told, ...createAttachments(() => calls) };
}

describe('an attached sender whose program is gone', () => {
  expectNothingLeft();

  test('has nobody to wait for, and says so', async () => {
    const { attachSender, openPipe } = counted();
    const { readEnd, writeEnd } = openPipe();
    const child = spawn('sleep', ['1000'], { stdio: [readEnd.fd, 'ignore', 'inherit'] });
    readEnd.close();
    const sender = await attachSender({ pipe: writeEnd });
    await sender.waitForReceivers(1, LIMIT);
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(sender.waitForReceivers(1, LIMIT)).rejects.toMatchObject({
        code: 'PEER_DIED',
        message: expect.stringContaining('no other can come'),
      });
    }
    await sender.waitForReceivers(0, LIMIT);
    expect(await sender.send(Buffer.from('more'), LIMIT)).toBe('no-receiver');
    await sender.close();
    writeEnd.close();
  });

  test('says why, if it is this side that has failed', async () => {
    let fails = false;
    const { attachSender, openPipe } = counted({
      vmsplice: (...words) => (fails ? -ENOMEM : real.vmsplice(...words)),
    });
    const { readEnd, writeEnd } = openPipe();
    const sender = await attachSender({ pipe: writeEnd });
    fails = true;
    expect(await sender.send(Buffer.from('lost'), LIMIT)).toBe('sent');
    await expect(sender.waitForReceivers(1, LIMIT)).rejects.toMatchObject({
      code: 'PEER_DIED',
      message: expect.stringContaining('given up'),
      cause: { syscall: 'vmsplice', errnoName: 'ENOMEM' },
    });
    await sender.close();
    readEnd.close();
    writeEnd.close();
  });
});

describe('a loan of an attached sender that waits for the program itself', () => {
  expectNothingLeft();

  test.each(['lives', 'is gone'])(
    'leaves the processor alone while the reader %s',
    async (state) => {
      const { told, attachSender, openPipe } = counted();
      const { readEnd, writeEnd } = openPipe();
      const sender = await attachSender({ pipe: writeEnd, poolBytes: 4096, spinMicroseconds: 0 });
      const held = await sender.loan(4096);
      if (state === 'is gone') readEnd.close();
      const waiting = sender.loan(4096, LIMIT);
      await turns();
      expect(told.times).toBe(0);
      held.release();
      (await waiting).release();
      await sender.close();
      readEnd.close();
      writeEnd.close();
    },
  );

  test.each([4096, LARGE])('gets the memory of %i bytes that leave', async (byteLength) => {
    const { attachSender, openPipe } = counted();
    const { readEnd, writeEnd } = openPipe();
    const sender = await attachSender({ pipe: writeEnd, poolBytes: 1, spinMicroseconds: 0 });
    const held = await sender.loan(byteLength);
    const waiting = sender.loan(4096, LIMIT);
    await turns();
    expect(held.trySend()).toBe('sent');
    const reader = spawn('cat', { stdio: [readEnd.fd, 'ignore', 'inherit'] });
    (await waiting).release();
    await sender.close();
    readEnd.close();
    writeEnd.close();
    await once(reader, 'exit');
  });
});

describe('an attached receiver that holds all it may', () => {
  expectNothingLeft();

  test.each(['lives', 'is gone'])(
    'leaves the processor alone while the writer %s',
    async (state) => {
      const { told, attachReceiver, openPipe } = counted();
      const { readEnd, writeEnd } = openPipe();
      const receiver = await attachReceiver({ pipe: readEnd, poolBytes: 1, spinMicroseconds: 0 });
      real.write(writeEnd.fd, Buffer.from('first'), 0, 5);
      const held = await receiver.receive(LIMIT);
      real.write(writeEnd.fd, Buffer.from('second'), 0, 6);
      if (state === 'is gone') writeEnd.close();
      const waiting = receiver.receive(LIMIT);
      await turns();
      expect(told.times).toBe(0);
      held?.release();
      const next = await waiting;
      expect(next?.copy().toString()).toBe('second');
      next?.release();
      await receiver.close();
      readEnd.close();
      writeEnd.close();
    },
  );
});

test('a loan that waits for the program itself keeps the process alive', async () => {
  const program = `
    import { loadLinuxCalls } from '@pageferry/linux-napi';
    import { createAttachments } from '@pageferry/vmsplice';
    const { attachSender, openPipe } = createAttachments(loadLinuxCalls);
    const sender = await attachSender({ pipe: openPipe().writeEnd, poolBytes: 1 });
    const held = await sender.loan(1);
    setTimeout(() => held.release(), 1500).unref();
    (await sender.loan(1)).release();
    await sender.close();
    console.log('done');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: new URL('.', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (piece) => {
    output += piece;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output).toBe('done\n');
});
