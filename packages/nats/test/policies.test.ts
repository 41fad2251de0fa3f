import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsReceiverInfo } from '@pageferry/nats';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, message, until } from './support/server.js';

describe.skipIf(!hasNatsServer)('receivers that would rather miss a message', () => {
  const ground = new Ground();

  async function fill(whenBehind: 'drop-oldest' | 'drop-newest', count: number) {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const receiver = await ground.receiver(endpoint, { whenBehind, queueDepth: 3 });
    await sender.waitForReceivers();
    for (let number = 0; number < count; number++) {
      expect(await sender.send(message(number, 100))).toBe('sent');
    }
    const told = () => (sender.receivers as readonly NatsReceiverInfo[])[0]?.messagesDropped;
    await until(() => told() === count - 3);
    return { sender, receiver };
  }

  test.each([
    ['drop-oldest', [7, 8, 9]],
    ['drop-newest', [0, 1, 2]],
  ] as const)(
    '%s: both sides count what was dropped, and the rest is right',
    async (policy, kept) => {
      const { sender, receiver } = await fill(policy, 10);
      expect(receiver.stats().messagesDropped).toBe(7);
      expect(sender.receivers).toMatchObject([{ whenBehind: policy, messagesBehind: 3 }]);
      for (const number of kept) {
        using delivery = await receiver.receive();
        expect(delivery?.sequence).toBe(number);
        expect(delivery?.copy().equals(message(number, 100))).toBe(true);
      }
      await sender.flush();
      expect(sender.stats().bytesOut).toBe(0);
      await sender.close();
      expect(await receiver.receive()).toBeUndefined();
      expect(receiver.stats().messagesDropped).toBe(7);
    },
  );

  test('what is held is never dropped, and messages of several pieces go whole or not at all', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const options = { whenBehind: 'drop-oldest', queueDepth: 1 } as const;
    const receiver = await ground.receiver(endpoint, options);
    await sender.waitForReceivers();
    const length = 3 * 1024 * 1024 + 7;
    await sender.send(message(0, length));
    const held = await receiver.receive();
    for (let number = 1; number < 6; number++) await sender.send(message(number, length));
    await until(() => receiver.stats().messagesDropped === 4);
    expect(held?.copy().equals(message(0, length))).toBe(true);
    const newest = await receiver.receive();
    expect(newest?.sequence).toBe(5);
    expect(newest?.copy().equals(message(5, length))).toBe(true);
  });

  test('what is moved on is never dropped, though nobody reads it for a while', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const options = { whenBehind: 'drop-oldest', queueDepth: 1 } as const;
    const receiver = await ground.receiver(endpoint, options);
    await sender.waitForReceivers();
    const folder = mkdtempSync(join(tmpdir(), 'pageferry-policies-'));
    try {
      const path = join(folder, 'pipe');
      execFileSync('mkfifo', [path]);
      const pipe = await open(path, 'r+');
      // One piece, of which a part waits for a reader.
      const length = 1_000_000;
      await sender.send(message(0, length));
      const moving = receiver.spliceTo(pipe.fd);
      for (let number = 1; number < 6; number++) await sender.send(message(number, length));
      await until(() => receiver.stats().messagesDropped === 4);
      const moved = Buffer.alloc(length);
      for (let end = 0; end < length; ) {
        end += (await pipe.read(moved, end, length - end)).bytesRead;
      }
      expect(await moving).toMatchObject({ byteLength: length });
      expect(moved.equals(message(0, length))).toBe(true);
      const newest = await receiver.receive();
      expect(newest?.sequence).toBe(5);
      expect(newest?.copy().equals(message(5, length))).toBe(true);
      newest?.release();
      await pipe.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('one that is behind and one that waits: the latter gets everything', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const lossy = await ground.receiver(endpoint, { whenBehind: 'drop-newest', queueDepth: 1 });
    const waiting = await ground.receiver(endpoint);
    await sender.waitForReceivers(2);
    for (let number = 0; number < 50; number++) await sender.send(message(number, 1000));
    for (let number = 0; number < 50; number++) {
      using delivery = await waiting.receive();
      expect(delivery?.sequence).toBe(number);
    }
    await until(() => lossy.stats().messagesDropped === 49);
  });

  test('one that waits holds the sender up: full at 1024, and all of it is there', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    let sent = 0;
    for (let outcome: string = 'sent'; outcome === 'sent'; ) {
      using loan = await sender.loan(8);
      Buffer.from(loan.bytes.buffer, loan.bytes.byteOffset).writeUInt32LE(sent);
      outcome = loan.trySend();
      if (outcome === 'sent') sent++;
      else expect(outcome).toBe('full');
    }
    expect(sent).toBe(1024);
    for (let number = 0; number < sent; number++) {
      using delivery = await receiver.receive();
      expect(delivery && Buffer.from(delivery.bytes).readUInt32LE()).toBe(number);
    }
    await sender.flush();
  });
});

describe.skipIf(!hasNatsServer)('a stream that is full', () => {
  const ground = new Ground();
  const MIB = 1024 * 1024;

  test('is full for the sender, until somebody has taken something', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { streamBytes: 4 * MIB });
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    let sent = 0;
    await until(() => {
      using loan = sender.tryLoan(MIB);
      loan?.bytes.set(message(sent, MIB));
      const outcome = loan?.trySend();
      if (outcome === 'sent') sent++;
      return outcome === 'full';
    });
    expect(sent).toBeGreaterThanOrEqual(3);
    await expect(sender.flush({ timeout: 300 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    for (let number = 0; number < sent; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(number, MIB))).toBe(true);
    }
    await sender.flush();
  });

  test('takes a message larger than itself, while somebody takes it in', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { streamBytes: 4 * MIB });
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    const sending = sender.send(message(1, 20 * MIB));
    using delivery = await receiver.receive();
    expect(delivery?.copy().equals(message(1, 20 * MIB))).toBe(true);
    expect(await sending).toBe('sent');
  });
});
