import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { expectNext, ForgetfulGround, pass } from './support/forgetful.js';
import { message } from './support/server.js';
import { Way } from './support/way.js';

/** Longer than a piece. */
const LONG = 3_000_000;

describe.skipIf(!hasNatsServer)(
  'a server that has lost the end of a stream when it was killed',
  { timeout: 60_000 },
  () => {
    const ground = new ForgetfulGround();
    const patience = 10_000;

    test('though it has delivered that: it is published anew, and not taken for lost', async () => {
      const endpoint = ground.endpoint();
      const { port } = ground.server;
      const [there, here] = [await Way.until(port, 'HPUB'), await Way.until(port, 'no word')];
      try {
        const sender = await ground.sender(
          endpoint,
          {},
          ground.transport({ servers: there.url, patience }),
        );
        const receiver = await ground.receiver(
          endpoint,
          {},
          ground.transport({ servers: here.url, patience }),
        );
        await sender.waitForReceivers();
        const killAndForget = await ground.remember(endpoint, 'msgs');
        // The servers have it, and have delivered it; neither side has heard of that.
        here.hold();
        const sending = sender.send(message(1, 50_000));
        await there.held();
        await here.held();
        await killAndForget();
        there.cut();
        here.cut();
        await expectNext(receiver, 1, 50_000);
        expect(await sending).toBe('sent');
        await pass(sender, [receiver], [2, 3, 4]);
        await sender.flush();
        await receiver.close();
        await sender.close();
      } finally {
        await there.close();
        await here.close();
      }
    });

    describe.each([
      ['all that it knew of the stream', ''],
      ['its messages, and not how far a receiver is', 'msgs'],
    ])('though that was confirmed: %s', (_, part) => {
      test('what all are done with is not missed', async () => {
        const endpoint = ground.endpoint();
        const transport = ground.transport({ patience });
        const sender = await ground.sender(endpoint, {}, transport);
        const receiver = await ground.receiver(endpoint, {}, transport);
        await sender.waitForReceivers();
        await pass(sender, [receiver], [1, 2]);
        await sender.flush();
        const killAndForget = await ground.remember(endpoint, part);
        await pass(sender, [receiver], [3, 4]);
        await pass(sender, [receiver], [5], LONG);
        await sender.flush();
        await killAndForget();
        await pass(sender, [receiver], [6, 7, 8]);
        // Whoever comes now gets none of them.
        const late = await ground.receiver(endpoint, {}, transport);

        await sender.waitForReceivers(2);
        await pass(sender, [receiver, late], [9, 10]);
        await sender.close();
        expect(await receiver.receive()).toBeUndefined();
        expect(await late.receive()).toBeUndefined();
        expect(sender.stats()).toMatchObject({ connectionsFailed: 0, bytesOut: 0 });
      });

      test('what somebody holds, or has not got, is published anew', async () => {
        const endpoint = ground.endpoint();
        const transport = ground.transport({ patience });
        const sender = await ground.sender(endpoint, {}, transport);
        const receiver = await ground.receiver(endpoint, {}, transport);
        await sender.waitForReceivers();
        await pass(sender, [receiver], [1, 2]);
        await sender.flush();
        const killAndForget = await ground.remember(endpoint, part);
        await pass(sender, [], [3, 4, 5], LONG);
        await pass(sender, [], [6]);
        const held = await receiver.receive();
        await killAndForget();
        expect(held?.copy().equals(message(3, LONG))).toBe(true);
        held?.release();
        await expectNext(receiver, 4, LONG);
        await expectNext(receiver, 5, LONG);
        await expectNext(receiver, 6, 1000);
        await sender.flush();
        await pass(sender, [receiver], [7]);
        await sender.close();
        expect(await receiver.receive()).toBeUndefined();
        expect(sender.stats()).toMatchObject({ connectionsFailed: 0, bytesOut: 0 });
      });
    });
  },
);
