import { pauseFor } from '@pageferry/core';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, message, until } from './support/server.js';

describe.skipIf(!hasNatsServer)('a server that is killed and started again', () => {
  const ground = new Ground();
  // It takes the server and both sides a while to come back.
  const patience = 5000;

  test('has lost nothing, and nothing comes twice', { timeout: 120_000 }, async () => {
    const transport = ground.transport({ patience });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    const COUNT = 400;
    const lengthOf = (number: number): number => (number % 10 === 0 ? 1_500_000 : 1000 + number);
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) {
        expect(await sender.send(message(number, lengthOf(number)))).toBe('sent');
      }
    })();
    for (let number = 0; number < COUNT; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.sequence).toBe(number);
      expect(delivery?.copy().equals(message(number, lengthOf(number)))).toBe(true);
      if (number % 100 === 50) {
        await ground.server.kill();
        await ground.server.start();
      }
    }
    await sending;
    await sender.flush();
    expect(sender.receivers).toMatchObject([{ id: 0, messagesBehind: 0 }]);
    await sender.close();
    expect(await receiver.receive()).toBeUndefined();
  });

  test('has forgotten no message that was stored before, and held', {
    timeout: 60_000,
  }, async () => {
    const transport = ground.transport({ patience });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    for (let number = 0; number < 20; number++) await sender.send(message(number, 5000));
    const held = await receiver.receive();
    await ground.server.kill();
    await ground.server.start();
    held?.release();
    for (let number = 1; number < 20; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(number, 5000))).toBe(true);
    }
    await sender.flush();
    expect(sender.stats().bytesOut).toBe(0);
  });

  test('gets what was sent while it was away, though nothing was under way before', {
    timeout: 60_000,
  }, async () => {
    const transport = ground.transport({ patience });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    expect(await sender.send(message(0, 5000))).toBe('sent');
    (await receiver.receive())?.release();
    await sender.flush();
    await ground.server.kill();
    // Time to notice it: what is sent before that is asked for after the reconnection.
    await pauseFor(300);
    for (let number = 1; number < 20; number++) {
      const loan = await sender.loan(5000);
      loan.bytes.set(message(number, 5000));
      expect(loan.trySend()).toBe('sent');
    }
    await ground.server.start();
    for (let number = 1; number < 20; number++) {
      using delivery = await receiver.receive({ timeout: 20_000 });
      expect(delivery?.copy().equals(message(number, 5000))).toBe(true);
    }
    await sender.flush();
  });

  test('who does not come back in time counts as dead', { timeout: 60_000 }, async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, ground.transport({ patience }));
    // This one looks for the server once in a long while.
    const slow = ground.transport({ patience: 300, reconnectTimeWait: 4000 });
    const receiver = await ground.receiver(endpoint, {}, slow);
    await sender.waitForReceivers();
    await ground.server.kill();
    await ground.server.start();
    await until(() => sender.receivers.length === 0);
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_REJECTED' });
  });

  test('without a disk it has lost the stream: the sender says so, and goes on', async () => {
    const endpoint = ground.endpoint();
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const sender = await ground.sender(endpoint, { storage: 'memory' });
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    await ground.server.kill();
    await ground.server.start();
    expect(await warned).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    const next = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    expect(await sender.send(message(0, 3_000_000))).toBe('sent');
    using delivery = await next.receive();
    expect(delivery?.copy().equals(message(0, 3_000_000))).toBe(true);
  });
});

describe.skipIf(!hasNatsServer)('servers that take less at once', () => {
  const ground = new Ground('max_payload: 65536\n');

  async function pair() {
    const transport = ground.transport({ patience: 5000 });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    return { transport, endpoint, sender, receiver };
  }

  test('get what was sent while they were away in pieces that they take', {
    timeout: 60_000,
  }, async () => {
    const { sender, receiver } = await pair();
    await ground.server.kill();
    await pauseFor(1500); // The client looks for a server, and knows of none meanwhile.
    const sending = sender.send(message(1, 200_000));
    await ground.server.start();
    const delivery = await receiver.receive();
    expect(delivery?.copy().equals(message(1, 200_000))).toBe(true);
    delivery?.release();
    expect(await sending).toBe('sent');
  });

  test('than before: the sender says so, and makes another stream', {
    timeout: 60_000,
  }, async () => {
    const { transport, endpoint, sender, receiver } = await pair();
    await ground.server.kill();
    const sending = sender.send(message(1, 200_000));
    ground.server.configure('max_payload: 8192\n');
    await ground.server.start();
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    await sending;
    expect(sender.stats().connectionFailure).toMatchObject({
      message: expect.stringContaining('as long as'),
    });
    const next = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    await sender.send(message(2, 200_000));
    const delivery = await next.receive();
    expect(delivery?.copy().equals(message(2, 200_000))).toBe(true);
    delivery?.release();
  });
});
