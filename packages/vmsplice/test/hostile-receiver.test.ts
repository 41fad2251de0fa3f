import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receiver, Sender } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { createVmspliceTransport, type VmspliceSenderOptions } from '@pageferry/vmsplice';
import { afterAll, describe, expect, test } from 'vitest';
import { HostileReceiver } from './support/hostile-receiver.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);
const folder = mkdtempSync(join(tmpdir(), 'pageferry-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LIMIT = { timeout: 3000 };
const PAGE = calls.pageSize();
let count = 0;

interface Stage extends AsyncDisposable {
  readonly sender: Sender;
  readonly liar: HostileReceiver;
  readonly honest: Receiver;
  /** Sends a message, which the honest receiver gets whatever the other one is up to. */
  readonly exchange: (byteLength?: number) => Promise<void>;
}

/** A sender with two receivers, of which one may lie. */
async function open(options: Partial<VmspliceSenderOptions> = {}): Promise<Stage> {
  const endpoint = join(folder, `endpoint-${count++}`);
  const sender = await transport.createSender({ endpoint, ...options });
  const liar = await HostileReceiver.connect(calls, endpoint);
  const honest = await transport.createReceiver({ endpoint, ...LIMIT });
  await sender.waitForReceivers(2, LIMIT);
  let seed = 0;
  return {
    sender,
    liar,
    honest,
    async exchange(byteLength = 5000) {
      const message = new Uint8Array(byteLength).fill(++seed);
      const sending = sender.send(message, LIMIT);
      using delivery = await honest.receive(LIMIT);
      expect(delivery?.copy().equals(message)).toBe(true);
      expect(await sending).toBe('sent');
    },
    async [Symbol.asyncDispose]() {
      liar[Symbol.dispose]();
      await honest.close();
      await sender.close(LIMIT);
    },
  };
}

/** The sender drops the liar and goes on with the honest receiver, as if nothing had been. */
async function expectLiarToBeDropped({ sender, exchange }: Stage): Promise<void> {
  while (sender.receivers.length > 1) await exchange();
  await exchange();
  await sender.flush(LIMIT);
  expect(sender.stats().bytesOut).toBe(0);
}

describe('a sender whose receiver lies drops it, and goes on with the others', () => {
  expectNothingLeft();

  test.each([
    ['more returns than were delivered', 2],
    ['far more returns than there is room for', 0x7fffffff],
    ['fewer returns than none', -1],
    ['the least number of returns that there is', -0x80000000],
  ])('when it claims %s', async (_, returned) => {
    await using stage = await open();
    await stage.exchange();
    stage.liar.claimReturned(returned);
    await expectLiarToBeDropped(stage);
  });

  test('when it gives back a message before it was sent', async () => {
    await using stage = await open();
    stage.liar.giveBack(0);
    await expectLiarToBeDropped(stage);
  });

  test.each([1, -1, 0x7fffffff])(
    'when it gives back message %i instead of the first',
    async (wrong) => {
      await using stage = await open();
      await stage.exchange();
      await stage.exchange();
      stage.liar.giveBack(wrong);
      await expectLiarToBeDropped(stage);
    },
  );

  test('when it gives messages back out of order', async () => {
    await using stage = await open();
    for (let message = 0; message < 3; message++) await stage.exchange();
    for (const sequence of [0, 2, 1]) stage.liar.giveBack(sequence);
    await expectLiarToBeDropped(stage);
  });

  test('when it gives a message back twice', async () => {
    await using stage = await open();
    for (let message = 0; message < 3; message++) await stage.exchange();
    for (const sequence of [0, 0]) stage.liar.giveBack(sequence);
    await expectLiarToBeDropped(stage);
  });

  test('when it gives back a message that has not left yet', async () => {
    await using stage = await open({ pipeBytes: 4 * PAGE });
    const loan = await stage.sender.loan(64 * PAGE);
    expect(loan.trySend()).toBe('sent');
    stage.liar.giveBack(0);
    stage.liar.ring();
    (await stage.honest.receive(LIMIT))?.release();
    await expectLiarToBeDropped(stage);
  });

  test.each([
    ['far ahead', 1 << 30],
    ['far behind', -(1 << 30)],
    ['as far ahead as can be', 0x7fffffff],
  ])('when the number of bytes it has taken is %s', async (_, consumed) => {
    await using stage = await open({ pipeBytes: 4 * PAGE });
    stage.liar.claimConsumedInAll(consumed);
    await expectLiarToBeDropped(stage);
  });

  test('when it closes its pipe and stays connected', async () => {
    await using stage = await open();
    stage.liar.pipe.close();
    await expectLiarToBeDropped(stage);
  });

  test('when it speaks on its socket', async () => {
    await using stage = await open();
    stage.liar.socket.send(Buffer.from('hello?'));
    await expectLiarToBeDropped(stage);
  });

  test('when it ends in the middle of a message', async () => {
    await using stage = await open({ pipeBytes: 4 * PAGE });
    const loan = await stage.sender.loan(64 * PAGE);
    const sending = loan.send(LIMIT);
    stage.liar.drain(PAGE);
    stage.liar[Symbol.dispose]();
    (await stage.honest.receive(LIMIT))?.release();
    expect(await sending).toBe('sent');
    await expectLiarToBeDropped(stage);
  });
});

describe('a sender that waits for a receiver which lies is not left waiting', () => {
  expectNothingLeft();

  test('for memory', async () => {
    await using stage = await open({ poolBytes: 2 * PAGE });
    await stage.exchange(2 * PAGE);
    const waiting = stage.sender.loan(2 * PAGE, LIMIT);
    while (!stage.liar.senderWaitsForReturns) await new Promise(setImmediate);
    stage.liar.giveBack(12345);
    (await waiting).release();
  });

  test('for everything to come back', async () => {
    await using stage = await open();
    await stage.exchange();
    const waiting = stage.sender.flush(LIMIT);
    while (!stage.liar.senderWaitsForReturns) await new Promise(setImmediate);
    stage.liar.giveBack(12345);
    await waiting;
  });

  test('for a place in the queue', async () => {
    await using stage = await open();
    for (let message = 0; message < 1024; message++) await stage.exchange(0);
    const loan = await stage.sender.loan(0);
    expect(loan.trySend()).toBe('full');
    const waiting = loan.send(LIMIT);
    while (!stage.liar.senderWaitsForReturns) await new Promise(setImmediate);
    stage.liar.giveBack(12345);
    expect(await waiting).toBe('sent');
    (await stage.honest.receive(LIMIT))?.release();
  });
});

describe('a sender whose receiver rings without end', () => {
  expectNothingLeft();

  test('still serves the others, has its turns of the event loop, and cuts it off (11.14)', async () => {
    await using stage = await open();
    let over = false;
    const ringing = (async () => {
      while (!over) {
        stage.liar.ring();
        await new Promise(setImmediate);
      }
    })();
    for (let message = 0; message < 50; message++) await stage.exchange();
    await new Promise((resolve) => setTimeout(resolve, 1));
    while (stage.sender.receivers.length > 1) await new Promise(setImmediate);
    over = true;
    await ringing;
    await stage.exchange();
  });
});
