import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, until } from './support/server.js';
import { Way } from './support/way.js';

describe.skipIf(!hasNatsServer)('a receiver whose sender closes while it joins', () => {
  const ground = new Ground();

  test.each([0, 2])('gets what the sender has sent it: history %i', async (history) => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { history });
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.CREATE.');
    try {
      const transport = ground.transport({ servers: way.url });
      const joining = ground.receiver(endpoint, {}, transport);
      await sender.waitForReceivers();
      expect(await sender.send(Buffer.from('last words'))).toBe('sent');
      await sender.close();
      way.release();
      const receiver = await joining;
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('last words');
      delivery?.release();
      expect(await receiver.receive()).toBeUndefined();
      await receiver.close();
    } finally {
      await way.close();
    }
  });

  test('is told of the end of one that dies once it knows of it', async () => {
    const endpoint = ground.endpoint();
    const [there, here] = await Promise.all([
      Way.until(ground.server.port, 'nothing is held up'),
      Way.until(ground.server.port, '$JS.API.CONSUMER.CREATE.'),
    ]);
    try {
      const sender = await ground.sender(endpoint, {}, ground.transport({ servers: there.url }));
      const joining = ground.receiver(endpoint, {}, ground.transport({ servers: here.url }));
      await sender.waitForReceivers();
      // To the servers it is dead: it does not come back.
      await there.close();
      here.release();
      const receiver = await joining;
      await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
      await receiver.close();
    } finally {
      await here.close();
    }
  });

  test('leaves no consumer behind where the connection is lost while it joins', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.CREATE.');
    try {
      const joining = ground.receiver(endpoint, {}, ground.transport({ servers: way.url }));
      await way.held();
      way.cut();
      const receiver = await joining;
      await sender.waitForReceivers();
      await sender.send(Buffer.from('for one'));
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('for one');
      delivery?.release();
      // The one whose answer was lost is gone soon: nobody is done with the message for it.
      await until(() => sender.receivers.length === 1);
      await sender.flush();
      await receiver.close();
    } finally {
      await way.close();
    }
  });

  test('waits for the next sender if that one did not know of it', async () => {
    const endpoint = ground.endpoint();
    const before = await ground.sender(endpoint);
    // Keeps the stream of the first sender there.
    const other = await ground.receiver(endpoint);
    await before.waitForReceivers();
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.INFO.');
    try {
      const transport = ground.transport({ servers: way.url });
      const joining = ground.receiver(endpoint, {}, transport);
      await way.held();
      await before.close();
      way.release();
      const after = await ground.sender(endpoint);
      const receiver = await joining;
      await after.waitForReceivers();
      await after.send(Buffer.from('first words'));
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('first words');
      delivery?.release();
      expect(await other.receive()).toBeUndefined();
      await receiver.close();
    } finally {
      await way.close();
    }
  });
});
