import { WAITS_FOR } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { HostileCaller } from './support/hostile-channel.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);
const folder = temporaryFolder();
const LIMIT = { timeout: 5000 };
const MIB = 1024 * 1024;

/** A few turns of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

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
