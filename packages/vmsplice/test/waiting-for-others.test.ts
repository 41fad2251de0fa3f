import { WAITS_FOR } from '@pageferry/connection';
import type { Channel } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder, turns } from '@pageferry/testkit';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { HostileCaller } from './support/hostile-channel.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);
const folder = temporaryFolder();
const LIMIT = { timeout: 5000 };
const MIB = 1024 * 1024;

describe('while a channel waits for room in the pool of its listener', () => {
  expectNothingLeft();

  test('the peers of the others are to ring when they give something back, also while more leaves to them', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({
      endpoint,
      poolBytes: 4 * MIB,
      pipeBytes: 65_536,
    });
    using first = await HostileCaller.connect(calls, endpoint);
    const channel = await listener.accept(LIMIT);
    await using other = await transport.connect({ endpoint, ...LIMIT });
    const waits = await listener.accept(LIMIT);
    expect((await channel.loan(3 * MIB)).trySend()).toBe('sent');
    await turns();
    // For room in the pipe alone: nobody wants the memory.
    expect(first.senderWaitsFor & WAITS_FOR.returns).toBe(0);
    const waiting = waits.loan(3 * MIB);
    waiting.catch(() => undefined);
    await turns();
    expect(first.senderWaitsFor & WAITS_FOR.returns).toBe(WAITS_FOR.returns);
    // Has it wake up, put more into the pipe, and park again.
    first.drain(65_536);
    expect(first.senderWaitsFor).toBe(0);
    await turns();
    expect(first.senderWaitsFor & WAITS_FOR.returns).toBe(WAITS_FOR.returns);
    await other.close(LIMIT);
  });
});

describe('while one channel takes nothing of what is sent to it', () => {
  expectNothingLeft();

  test('sends to any of them let the event loop turn', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({
      endpoint,
      spinMicroseconds: 0,
      pipeBytes: 65_536,
    });
    using _silent = await HostileCaller.connect(calls, endpoint);
    const lagging = await listener.accept(LIMIT);
    expect((await lagging.loan(MIB)).trySend()).toBe('sent');
    // So many that the other one has less under way.
    for (let more = 0; more < 50; more++) (await lagging.loan(1)).trySend();
    await using other = await transport.connect({ endpoint, ...LIMIT });
    await listener.waitForChannels(2, LIMIT);
    const any = listener.anyChannel();
    let turnCount = 0;
    const count = (): void => {
      turnCount++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    // There is room for all of them in its pipe.
    for (let message = 0; message < 10; message++) {
      await any.send(Buffer.of(message), LIMIT);
      // So that the event loop is due for a turn: at most seven looks at the clock are left out.
      const end = performance.now() + 0.1;
      while (performance.now() < end);
    }
    clearImmediate(counting);
    expect(turnCount).toBeGreaterThanOrEqual(4);
    for (let message = 0; message < 10; message++) {
      using delivery = await other.receive(LIMIT);
      expect(delivery?.bytes[0]).toBe(message);
    }
  });
});

describe('while a call waits for any channel to have less under way', () => {
  expectNothingLeft();

  test('their peers are to ring when they give something back, also while more leaves to them', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint, pipeBytes: 65_536 });
    using peer = await HostileCaller.connect(calls, endpoint);
    await listener.waitForChannels(1, LIMIT);
    const any = listener.anyChannel({ maxUnderWay: 1 });
    const first = any.send(new Uint8Array(3 * MIB));
    const second = any.send(new Uint8Array(1));
    for (const sending of [first, second]) sending.catch(() => undefined);
    while (peer.deliveries === 0) await new Promise(setImmediate);
    await turns();
    peer.drain(65_536);
    await turns();
    expect(peer.senderWaitsFor & WAITS_FOR.returns).toBe(WAITS_FOR.returns);
  });

  test('and they need not while the listener only receives', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint });
    using peer = await HostileCaller.connect(calls, endpoint);
    const channel = await listener.accept(LIMIT);
    await channel.send(new Uint8Array(1), LIMIT);
    const receiving = listener.receive();
    receiving.catch(() => undefined);
    await turns();
    expect(peer.senderWaitsFor).toBe(0);
  });
});

describe('a question that is given to another channel', () => {
  expectNothingLeft();

  test('stays where it is until the one who was asked first has given it back, too', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint });
    using silent = await HostileCaller.connect(calls, endpoint);
    await listener.waitForChannels(1, LIMIT);
    const any = listener.anyChannel();
    const asking = any.request(new Uint8Array(5000).fill(7), { onLost: () => true });
    while (silent.deliveries === 0) await new Promise(setImmediate);
    await using other = await transport.connect({ endpoint, ...LIMIT });
    await listener.waitForChannels(2, LIMIT);
    const [first, second] = listener.channels as [Channel, Channel];
    const receiving = listener.receive();
    receiving.catch(() => undefined);
    // It answers no question from now on, and has not read this one.
    silent.finish();
    using question = await other.receive(LIMIT);
    expect(question?.copy().equals(Buffer.alloc(5000, 7))).toBe(true);
    await question?.respond(new Uint8Array(0));
    (await asking).release();
    await other.flush(LIMIT);
    expect(second.stats().bytesOut).toBe(8192);
    silent.giveBack(0);
    await first.flush(LIMIT);
    expect(second.stats().bytesOut).toBe(0);
  });
});
