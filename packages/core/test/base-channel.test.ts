import { BaseChannel } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { FakeReceiver } from './support/fake-receiver.js';
import { FakeSender } from './support/fake-sender.js';

function openChannel() {
  const sender = new FakeSender();
  const receiver = new FakeReceiver();
  const channel = new BaseChannel({
    sender,
    receiver,
    peer: undefined,
    keepAlive: () => undefined,
  });
  return { sender, receiver, channel };
}

describe('a channel that finishes', () => {
  test('receives on', async () => {
    const { receiver, channel } = openChannel();
    await channel.finish();
    expect([channel.finished, channel.closed]).toEqual([true, false]);
    receiver.arrive(5);
    expect((await channel.receive())?.byteLength).toBe(5);
  });

  test('is destroyed when that is given up: what it has sent does not end in order', async () => {
    const { sender, receiver, channel } = openChannel();
    sender.outbox.left = false;
    await expect(channel.finish({ timeout: 1 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect([channel.closed, receiver.closed]).toEqual([true, true]);
    await channel.close();
  });

  test('is open still when the call was none', async () => {
    const { channel } = openChannel();
    const wrong = { timeout: -1 };
    await expect(channel.finish(wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect([channel.finished, channel.closed]).toEqual([false, false]);
    await channel.finish();
    await expect(channel.finish(wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(channel.closed).toBe(false);
  });
});
