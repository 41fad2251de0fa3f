import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PARKED, parkedReceiverWord, WAITS_FOR } from '@pageferry/connection';
import { EFD_NONBLOCK, O_NONBLOCK } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child } from '@pageferry/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { WAITS_FOR_ROOM } from '../dist/layout.js';
import { HostileReceiver } from './support/hostile-receiver.js';
import { HostileSender } from './support/hostile-sender.js';

const calls = loadLinuxCalls();
const folder = mkdtempSync(join(tmpdir(), 'pageferry-blocking-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const freshPath = (): string => join(folder, `endpoint-${count++}`);

/** Starts a program that does as it is told. A test hangs where its peer manages to block it. */
async function startVictim(endpoint: string): Promise<Child> {
  const child = new Child(new URL('./peers/victim.mjs', import.meta.url), [endpoint]);
  expect(await child.message()).toBe('ready');
  return child;
}

/** Has a bell count as far as it can, and block whoever rings it once more. */
function jam(bell: number): void {
  const most = new Uint8Array(new BigUint64Array([0xfffffffffffffffen]).buffer);
  calls.setStatusFlags(bell, EFD_NONBLOCK);
  calls.read(bell, new Uint8Array(8), 0, 8);
  expect(calls.write(bell, most, 0, 8)).toBe(8);
  calls.setStatusFlags(bell, 0);
}

describe('a receiver is not blocked by a sender', () => {
  test.each([
    ['that passes a pipe which blocks', 0],
    ['that makes the pipe block later on', O_NONBLOCK],
  ])('%s', async (_, flags) => {
    const endpoint = freshPath();
    using sender = new HostileSender(calls, endpoint);
    await using victim = await startVictim(endpoint);
    const ends = new Int32Array(2);
    calls.pipe2(ends, flags);
    const [readEnd, writeEnd] = ends as unknown as [number, number];
    victim.send('connect');
    await sender.welcome({ instead: { pipe: readEnd } });
    expect(await victim.message()).toBe('done');
    calls.setStatusFlags(readEnd, 0);
    sender.announce(5000);
    sender.claim(5000);
    victim.send('receive');
    expect(await victim.message()).toBe('PEER_MISBEHAVED');
    calls.close(readEnd);
    calls.close(writeEnd);
  });

  test('that has rung the bell as often as it can, and made it block', async () => {
    const endpoint = freshPath();
    using sender = new HostileSender(calls, endpoint);
    await using victim = await startVictim(endpoint);
    const bell = calls.eventfd(0, 0);
    jam(bell);
    victim.send('connect');
    await sender.welcome({ instead: { senderBell: bell } });
    expect(await victim.message()).toBe('done');
    for (let message = 0; message < 3; message++) {
      Atomics.store(sender.words, PARKED.sender, WAITS_FOR.returns | WAITS_FOR_ROOM);
      sender.sendHonestly(100);
      victim.send('receive');
      expect(await victim.message()).toBe(100);
    }
    calls.close(bell);
  });
});

describe('a sender is not blocked by a receiver', () => {
  test('that has rung the bell as often as it can, and made it block', async () => {
    const endpoint = freshPath();
    await using victim = await startVictim(endpoint);
    victim.send('listen');
    expect(await victim.message()).toBe('done');
    using liar = await HostileReceiver.connect(calls, endpoint);
    jam(liar.receiverBell.fd.fd);
    for (let message = 0; message < 3; message++) {
      Atomics.store(liar.words, parkedReceiverWord(0), 1);
      victim.send('send');
      expect(await victim.message()).toBe('sent');
    }
  });
});
