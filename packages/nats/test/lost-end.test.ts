import { cpSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pauseFor } from '@pageferry/core';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import type { NatsReceiver } from '../dist/receiving/nats-receiver.js';
import type { NatsSender } from '../dist/sending/nats-sender.js';
import { Ground, message } from './support/server.js';
import { Way } from './support/way.js';

/** How long a server takes at most to write down how far a consumer is, in milliseconds. */
const WRITTEN = 1000;
/** Longer than a piece. */
const LONG = 3_000_000;

describe.skipIf(!hasNatsServer)(
  'a server that has lost the end of a stream when it was killed',
  { timeout: 60_000 },
  () => {
    const ground = new Ground();
    const patience = 10_000;

    /** The folder of an endpoint's stream, or one in it. */
    function streamFolder(endpoint: string, part: string): string {
      const streams = join(ground.server.folder, 'jetstream', '$G', 'streams');
      const subject = JSON.stringify(endpoint.slice('nats:'.length));
      const hasSubject = (name: string): boolean =>
        readFileSync(join(streams, name, 'meta.inf'), 'utf8').includes(subject);
      return join(streams, readdirSync(streams).find(hasSubject) ?? 'none', part);
    }

    /**
     * Notes what the server has written of an endpoint's stream.
     *
     * @param part what of it: `'msgs'`, or all of it.
     * @returns kills the server, and starts it with that.
     */
    async function remember(endpoint: string, part = ''): Promise<() => Promise<void>> {
      await pauseFor(WRITTEN);
      const copy = join(ground.server.folder, 'copy');
      cpSync(streamFolder(endpoint, part), copy, { recursive: true });
      return async () => {
        await pauseFor(WRITTEN);
        await ground.server.kill();
        const folder = streamFolder(endpoint, part);
        rmSync(folder, { recursive: true });
        renameSync(copy, folder);
        await ground.server.start();
      };
    }

    /** Sends messages one after the other, each of which all receivers have to get. */
    async function pass(
      sender: NatsSender,
      receivers: readonly NatsReceiver[],
      numbers: readonly number[],
      byteLength = 1000,
    ): Promise<void> {
      for (const number of numbers) {
        expect(await sender.send(message(number, byteLength))).toBe('sent');
        for (const receiver of receivers) await expectNext(receiver, number, byteLength);
      }
    }

    async function expectNext(
      receiver: NatsReceiver,
      number: number,
      byteLength: number,
    ): Promise<void> {
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(number, byteLength))).toBe(true);
    }

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
        const killAndForget = await remember(endpoint, 'msgs');
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
        const killAndForget = await remember(endpoint, part);
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
        const killAndForget = await remember(endpoint, part);
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

    test('what the sender does not have any more ends its receivers, and it goes on', async () => {
      const endpoint = ground.endpoint();
      const here = await Way.until(ground.server.port, 'no word');
      try {
        const sender = await ground.sender(endpoint, {}, ground.transport({ patience: 3000 }));
        const far = ground.transport({ servers: here.url, patience: 3000 });
        const receiver = await ground.receiver(endpoint, {}, far);
        await sender.waitForReceivers();
        const killAndForget = await remember(endpoint, 'msgs');
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
  },
);
