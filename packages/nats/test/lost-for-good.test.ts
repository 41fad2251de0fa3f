import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { expectNext, ForgetfulGround, pass } from './support/forgetful.js';
import { message } from './support/server.js';
import { Way } from './support/way.js';

/** Longer than two pieces. */
const LONG = 3_000_000;

describe.skipIf(!hasNatsServer)(
  'where a server that was killed has lost what was confirmed, and what its sender does not have any more',
  { timeout: 60_000 },
  () => {
    const ground = new ForgetfulGround();
    const patience = 3000;

    test('what the sender does not have any more ends its receivers, and it goes on', async () => {
      const endpoint = ground.endpoint();
      const here = await Way.until(ground.server.port, 'no word');
      try {
        const sender = await ground.sender(endpoint, {}, ground.transport({ patience }));
        const far = ground.transport({ servers: here.url, patience });
        const receiver = await ground.receiver(endpoint, {}, far);
        await sender.waitForReceivers();
        const killAndForget = await ground.remember(endpoint, 'msgs');
        here.hold();
        // The memory is the caller's again.
        for (const number of [1, 2, 3]) await sender.sendInPlace(message(number, 1000));
        await here.held();
        await killAndForget();
        here.cut();
        await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
        const next = await ground.receiver(endpoint, {}, far);
        await sender.waitForReceivers();
        await pass(sender, [next], [4, 5]);
        await sender.close();
        expect(await next.receive()).toBeUndefined();
        expect(sender.stats().connectionsFailed).toBe(1);
      } finally {
        await here.close();
      }
    });

    test('a sender that closes comes to an end', async () => {
      const endpoint = ground.endpoint();
      const here = await Way.until(ground.server.port, 'no word');
      try {
        const sender = await ground.sender(endpoint, {}, ground.transport({ patience }));
        const far = ground.transport({ servers: here.url, patience });
        const receiver = await ground.receiver(endpoint, {}, far);
        await sender.waitForReceivers();
        const killAndForget = await ground.remember(endpoint, 'msgs');
        here.hold();
        for (const number of [1, 2, 3]) await sender.sendInPlace(message(number, 1000));
        await here.held();
        let closing: Promise<void> | undefined;
        await killAndForget(() => {
          closing = sender.close({ timeout: 20_000 });
        });
        await closing;
        here.cut();
        await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
      } finally {
        await here.close();
      }
    });

    test('a stream that has less than its receivers is not taken over as if nothing were missing', async () => {
      const endpoint = ground.endpoint();
      const transport = ground.transport({ patience });
      const first = await ground.sender(endpoint, { takeOver: 'source' }, transport);
      const receiver = await ground.receiver(endpoint, {}, transport);
      await first.waitForReceivers();
      const killAndForget = await ground.remember(endpoint, 'msgs');
      for (let sequence = 0; sequence < 5; sequence++) {
        await first.sendInPlace(message(sequence, 1000), { sequence });
        await expectNext(receiver, sequence);
      }
      await killAndForget(() => first.destroy());
      const second = await ground.sender(endpoint, { takeOver: 'source' }, transport);
      const next = await ground.receiver(endpoint, {}, transport);
      await second.waitForReceivers();
      const seen = receiver.receive().then(
        (delivery) => delivery?.copy().readUInt32LE(),
        (error) => error.code,
      );
      expect(await second.sendInPlace(message(5, 1000), { sequence: 5 })).toBe('sent');
      await expectNext(next, 5);
      // Now and then the server goes by how far its consumers are, and nothing is lost.
      expect(['PEER_DIED', 5]).toContain(await seen);
    });

    test('the history begins anew, and has no message in part', async () => {
      const endpoint = ground.endpoint();
      const transport = ground.transport({ patience });
      const sender = await ground.sender(endpoint, { history: 3 }, transport);
      await pass(sender, [], [1]);
      await pass(sender, [], [2], LONG);
      await sender.flush();
      await ground.killHalfWritten(endpoint);
      // It is accepted when it is known what the server has.
      await pass(sender, [], [3]);
      await sender.flush();
      const late = await ground.receiver(endpoint, {}, transport);
      await expectNext(late, 3);
      await pass(sender, [late], [4]);
      expect(sender.stats().connectionsFailed).toBe(0);
    });
  },
);
