import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SharedDelivery } from '@pageferry/core';
import { createPort, type Message, openMessage } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const { fresh } = temporaryFolder();
const LIMIT = { timeout: 10_000 };
const NOT_SUPPORTED = expect.objectContaining({ code: 'NOT_SUPPORTED' });

/** Two ports over shared memory, one of which may share what it receives. */
async function open(sharedToThreads: boolean) {
  const endpoint = fresh();
  const listener = await sharedMmap.listen({ endpoint });
  try {
    const there = createPort(await sharedMmap.connect({ endpoint, sharedToThreads, ...LIMIT }));
    const here = createPort(await listener.accept(LIMIT));
    return {
      here,
      there,
      async [Symbol.asyncDispose]() {
        await there.close();
        await listener.close();
      },
    };
  } catch (error) {
    await listener.close();
    throw error;
  }
}

function reader() {
  const worker = new Worker(new URL('./programs/message-reader.mjs', import.meta.url));
  return {
    async send(message: unknown): Promise<unknown> {
      const answer = once(worker, 'message');
      worker.postMessage(message);
      return (await answer)[0];
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

// Those of the other lines that the tests run with can.
const isTooOld = process.versions.node.startsWith('20.');

const VALUE = {
  name: 'sea',
  numbers: Float64Array.of(1, 2, 39),
  own: Uint8Array.of(5, 6).buffer,
};

test.skipIf(!isTooOld)('a Node that cannot share says so', async () => {
  await expect(open(true)).rejects.toThrow(NOT_SUPPORTED);
});

describe.skipIf(isTooOld)('messages that other threads read', () => {
  test('are read where they lie, and go back with the last of them', async () => {
    await using ports = await open(true);
    const { here, there } = ports;
    await using first = reader();
    await using second = reader();
    await here.send(VALUE);
    const message = (await there.receive(LIMIT)) as Message;
    const seen = { name: 'sea', sum: 42, isShared: [true, false], own: 5 };
    for (const thread of [first, second])
      expect(await thread.send(message.forThreads())).toEqual(seen);
    message.release();
    expect(() => message.forThreads()).toThrow(
      expect.objectContaining({ code: 'DELIVERY_RELEASED' }),
    );
    await first.send('release');
    expect(there.channel.stats().deliveriesHeld).toBe(1);
    await second.send('release');
    await here.channel.flush(LIMIT);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
  });

  test('are requests and answers, too', async () => {
    await using ports = await open(true);
    const { here, there } = ports;
    await using thread = reader();
    there.handle('sum', async (_value, { message }) => {
      const answer = await thread.send(message.forThreads());
      await thread.send('release');
      return answer;
    });
    expect(await here.call('sum', VALUE, LIMIT)).toMatchObject({ sum: 42 });
    await here.channel.flush(LIMIT);
  });

  test('are opened in one thread, and not handed on from there', async () => {
    await using ports = await open(true);
    await ports.here.send(VALUE);
    using message = await ports.there.receive<typeof VALUE>(LIMIT);
    using opened = openMessage<typeof VALUE>(message?.forThreads() as SharedDelivery);
    expect(opened.value).toMatchObject({ name: 'sea' });
    expect(() => opened.forThreads()).toThrow(NOT_SUPPORTED);
    opened.release();
    expect(() => opened.value).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
  });

  test('are no copies', async () => {
    await using ports = await open(true);
    await ports.here.send(VALUE);
    using message = await ports.there.receive({ copy: true, ...LIMIT });
    expect(() => message?.forThreads()).toThrow(NOT_SUPPORTED);
  });

  test('are released if they are no value', async () => {
    await using ports = await open(true);
    await using thread = reader();
    const { there } = ports;
    const junk = there.channel.receive(LIMIT);
    await ports.here.channel.send(Buffer.alloc(100, 7), LIMIT);
    const delivery = await junk;
    expect(await thread.send(delivery?.forThreads())).toBe('PEER_MISBEHAVED');
    delivery?.release();
    await ports.here.channel.flush(LIMIT);
  });
});

test('a message of a channel that shares nothing cannot be handed on', async () => {
  await using ports = await open(false);
  await ports.here.send(VALUE);
  using message = await ports.there.receive(LIMIT);
  expect(() => message?.forThreads()).toThrow(NOT_SUPPORTED);
});

test('what did not come from another thread cannot be opened', () => {
  expect(() => openMessage({} as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'shared' }),
  );
});
