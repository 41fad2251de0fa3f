import { inspect, sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const folder = temporaryFolder();

describe('a sender of shared memory that is inspected', () => {
  expectNothingLeft();

  test('tells what it has sent, to whom, who is behind, and what it waits for', async () => {
    const endpoint = folder.fresh();
    const poolBytes = 64 * 1024;
    await using sender = await sharedMmap.createSender({ endpoint, poolBytes });
    await using slow = await sharedMmap.createReceiver({ endpoint });
    await using _ = await sharedMmap.createReceiver({
      endpoint,
      whenBehind: 'drop-newest',
      queueDepth: 1,
    });
    for (let message = 0; message < 4; message++) await sender.send(Buffer.alloc(16 * 1024));
    const waiting = sender.loan(16 * 1024);
    let found: Awaited<ReturnType<typeof inspect>>;
    // It looks a few times before it waits.
    do found = await inspect(endpoint);
    while (found?.report?.waitsFor.length === 0);
    expect(found?.mechanism).toBe('shared-mmap');
    expect(found?.credentials.pid).toBe(process.pid);
    expect(found?.report).toMatchObject({
      side: 'sender',
      endpoint,
      pid: process.pid,
      counters: {
        messagesSent: 4,
        bytesSent: 4 * 16 * 1024,
        loansHeld: 0,
        bytesOut: poolBytes,
        connectionsFailed: 0,
      },
      peerCount: 2,
      peers: [
        {
          id: 0,
          pid: process.pid,
          uid: process.geteuid?.(),
          messagesBehind: 4,
          whenBehind: 'wait',
        },
        // What it has in its queue is taken back when the pool is short, sooner or later.
        {
          id: 1,
          messagesDropped: expect.toSatisfy((count) => count >= 3),
          whenBehind: 'drop-newest',
        },
      ],
    });
    expect(found?.report?.waitsFor).toEqual([expect.stringContaining('receiver 0')]);
    (await slow.receive())?.release();
    (await waiting).release();
    expect((await inspect(endpoint))?.report?.waitsFor).toEqual([]);
    expect(sender.receivers.length).toBe(2);
  });

  test('and of channels how many there are, and what has come and gone', async () => {
    const endpoint = folder.fresh();
    await using listener = await sharedMmap.listen({ endpoint });
    await using channel = await sharedMmap.connect({ endpoint });
    await channel.send(Buffer.from('hello'));
    (await listener.receive())?.release();
    const found = await inspect(endpoint);
    expect(found).toMatchObject({
      mechanism: 'shared-mmap-channel',
      report: {
        side: 'listener',
        counters: { messagesReceived: 1, bytesReceived: 5, messagesSent: 0, requestsOpen: 0 },
        peerCount: 1,
        peers: [{ pid: process.pid, messagesReceived: 1, messagesSent: 0 }],
      },
    });
    expect(listener.channels.length).toBe(1);
  });

  test('with options that it does not know is not asked', async () => {
    await expect(inspect(folder.fresh(), { patience: 7 } as object)).rejects.toThrow(
      withCode('INVALID_ARGUMENT'),
    );
    expect(await inspect(folder.fresh())).toBeUndefined();
  });
});
