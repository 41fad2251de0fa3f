import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectReceived } from '../harness/expectations.js';
import type { Peer } from '../harness/peer.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;
const CYCLES = 200;
/** Generous: what an allocator keeps differs by a few MiB; what a pair leaks adds up to more. */
const MAX_GROWTH = 64 * MIB;

/** Whoever closes leaves nothing behind, and neither does whoever is killed. */
export function describeLeftovers(subject: Subject): void {
  describe('leftovers', () => {
    const stage = useStage(subject);

    /** Makes a pair, passes messages, and ends it: every other time without an orderly close. */
    async function cycle(one: Peer, two: Peer, round: number): Promise<void> {
      const endpoint = stage.endpoint();
      const sender = await stage.remoteSender(endpoint, {}, one);
      const receiver = await stage.remoteReceiver(endpoint, {}, two);
      await sender.waitForReceivers(1);
      const received = receiver.receive(3);
      await sender.send(MIB / 2, 0, 1);
      expectReceived(await received, { messages: 3 });
      const ending = round % 2 === 0 ? sender.close() : sender.destroy();
      await Promise.all([ending, receiver.close()]);
    }

    test('hundreds of pairs leave no descriptors, memory or socket files', async () => {
      const [one, two] = [await stage.peer(true), await stage.peer(true)];
      for (let round = 0; round < 20; round++) await cycle(one, two, round);
      const before = await Promise.all([one.call('usage'), two.call('usage')]);
      for (let round = 0; round < CYCLES; round++) await cycle(one, two, round);
      const after = await Promise.all([one.call('usage'), two.call('usage')]);
      for (const [index, usage] of after.entries()) {
        const start = before[index];
        expect(usage.descriptors).toBeLessThanOrEqual(start?.descriptors ?? 0);
        expect(usage.residentBytes - (start?.residentBytes ?? 0)).toBeLessThan(MAX_GROWTH);
      }
      if (subject.files) expect(readdirSync(dirname(stage.endpoint()))).toEqual([]);
    });

    test('calls that fail leave no descriptors', async () => {
      const peer = await stage.peer(true);
      const sender = await stage.sender({ maxReceivers: 1 });
      await stage.receiver(sender.endpoint);
      const endpoint = stage.endpoint();
      const fail = async (): Promise<void> => {
        const calls = [
          stage.remoteSender(sender.endpoint, {}, peer),
          stage.remoteReceiver(sender.endpoint, {}, peer),
          stage.remoteReceiver(endpoint, { timeout: 1 }, peer),
          stage.remoteSender('', {}, peer),
        ];
        const outcomes = await Promise.allSettled(calls);
        expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
      };
      await fail();
      const before = await peer.call('usage');
      for (let round = 0; round < 30; round++) await fail();
      const after = await peer.call('usage');
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    });

    test.runIf(subject.processes)('a sender whose receivers are killed keeps nothing', async () => {
      const one = await stage.peer(true);
      const sender = await stage.remoteSender(stage.endpoint('warm'), {}, one);
      const endpoint = stage.endpoint();
      const serving = await stage.remoteSender(endpoint, {}, one);
      const kill = async (): Promise<void> => {
        const receiver = await stage.remoteReceiver(endpoint);
        await serving.waitForReceivers(1);
        await serving.send(20_000);
        await receiver.hold(1);
        await receiver.peer.end();
        await serving.flush();
        await stage.until(async () => (await serving.receivers()).length === 0);
      };
      await kill();
      const before = await one.call('usage');
      for (let round = 0; round < 5; round++) await kill();
      const after = await one.call('usage');
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
      expect(await serving.stats()).toMatchObject({ bytesOut: 0, messagesSent: 6 });
      expect(await sender.receivers()).toEqual([]);
    });

    test.runIf(subject.processes)('a receiver whose senders are killed keeps nothing', async () => {
      const one = await stage.peer(true);
      const kill = async (): Promise<void> => {
        const endpoint = stage.endpoint();
        const sender = await stage.remoteSender(endpoint);
        const receiver = await stage.remoteReceiver(endpoint, {}, one);
        await sender.waitForReceivers(1);
        await sender.send(20_000);
        await receiver.hold(1);
        await sender.peer.end();
        await expect(receiver.receive(1)).rejects.toMatchObject({ code: 'PEER_DIED' });
        await receiver.close();
      };
      await kill();
      const before = await one.call('usage');
      for (let round = 0; round < 5; round++) await kill();
      const after = await one.call('usage');
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    });
  });
}
