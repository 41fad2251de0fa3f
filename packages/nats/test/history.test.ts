import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, message, until } from './support/server.js';

describe.skipIf(!hasNatsServer)('history', () => {
  const ground = new Ground();

  test('who comes later gets the last messages first, and then what follows', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { history: 3 });
    for (let number = 0; number < 10; number++) {
      expect(await sender.send(message(number, 2000))).toBe('sent');
    }
    await until(() => sender.stats().bytesOut === 0);
    // What is older is removed a while later: until then it may come, too.
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    await sender.send(message(10, 2000));
    const sequences: number[] = [];
    while (sequences.at(-1) !== 10) {
      using delivery = await receiver.receive();
      const sequence = delivery?.sequence ?? -1;
      expect(delivery?.copy().equals(message(sequence, 2000))).toBe(true);
      sequences.push(sequence);
    }
    expect(sequences.slice(-4)).toEqual([7, 8, 9, 10]);
    await sender.flush();
    expect(sender.receivers).toMatchObject([{ messagesBehind: 0 }]);
  });

  test('what is neither kept nor waited for is removed from the stream', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { history: 2 });
    for (let number = 0; number < 50; number++) await sender.send(message(number, 100));
    let first: number | undefined;
    while (first !== 48) {
      const receiver = await ground.receiver(endpoint);
      using delivery = await receiver.receive();
      first = delivery?.sequence;
      await receiver.close();
    }
  });

  test('gives way when the stream is full', async () => {
    const endpoint = ground.endpoint();
    const MIB = 1024 * 1024;
    const sender = await ground.sender(endpoint, { history: 100, streamBytes: 4 * MIB });
    for (let number = 0; number < 20; number++) {
      expect(await sender.send(message(number, MIB))).toBe('sent');
    }
    const receiver = await ground.receiver(endpoint);
    using delivery = await receiver.receive();
    const sequence = delivery?.sequence ?? -1;
    expect(sequence).toBeGreaterThanOrEqual(16);
    expect(delivery?.copy().equals(message(sequence, MIB))).toBe(true);
  });
});
