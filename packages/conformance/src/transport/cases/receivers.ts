import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { filledLoan, sendPatterned } from '../harness/here.js';
import type { RemoteReceiver } from '../harness/remote.js';
import { observe, turns } from '../harness/settling.js';
import { type Options, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;

/** One sender, several receivers: each of them gets everything, and none of them harms another. */
export function describeReceivers(subject: Subject): void {
  const { maxReceivers } = subject.transport.capabilities;

  describe('room for receivers', () => {
    const stage = useStage(subject);

    test('a receiver more than maxReceivers is PEER_REJECTED, and the others work on', async () => {
      const { sender, receiver } = await stage.outgoing({ sender: { maxReceivers: 1 } });
      await expectFailure(() => stage.remoteReceiver(sender.endpoint), 'PEER_REJECTED');
      expect(sender.receivers).toHaveLength(1);
      await sendPatterned(sender, 100, 0);
      expectReceived(await receiver.receive(1), { messages: 1 });
      await receiver.close();
      await stage.until(() => sender.receivers.length === 0);
      await stage.remoteReceiver(sender.endpoint);
      await sender.waitForReceivers();
    });
  });

  describe.runIf(maxReceivers > 1)('several receivers', () => {
    const stage = useStage(subject);

    async function fanOut(count: number, options: { sender?: Options; receiver?: Options } = {}) {
      const sender = await stage.sender(options.sender);
      const receivers: RemoteReceiver[] = [];
      while (receivers.length < count) {
        receivers.push(await stage.remoteReceiver(sender.endpoint, options.receiver));
      }
      await sender.waitForReceivers(count);
      return { sender, receivers };
    }

    test('each of them gets every message, in order', async () => {
      const { sender, receivers } = await fanOut(Math.min(3, maxReceivers));
      const lengths = [0, 1, 4096, 70_001, 3 * MIB, 17];
      const reports = receivers.map((receiver) => receiver.receive());
      for (let round = 0; round < 20; round++) {
        for (const [index, length] of lengths.entries()) {
          await sendPatterned(sender, length, round * lengths.length + index);
        }
      }
      expect(new Set(sender.receivers.map(({ id }) => id)).size).toBe(receivers.length);
      await sender.close();
      const bytes = 20 * lengths.reduce((sum, length) => sum + length, 0);
      for (const report of reports) {
        expectReceived(await report, { messages: 20 * lengths.length, bytes, ended: true });
      }
      expect(sender.stats()).toMatchObject({ messagesSent: 120, bytesSent: bytes });
    });

    test('a slow one holds the sender up but loses nothing', async () => {
      const { sender, receivers } = await fanOut(2, { sender: { poolBytes: MIB } });
      const [quick, slow] = receivers as [RemoteReceiver, RemoteReceiver];
      const total = 60;
      const received = quick.receive(total);
      const sending = observe(
        (async () => {
          for (let sequence = 0; sequence < total; sequence++) {
            await sendPatterned(sender, 64 * 1024, sequence);
          }
        })(),
      );
      await quick.stats();
      await turns(50);
      // The slow one has received nothing, and all that is under way fits into the pool.
      expect(sending.state()).toBe('pending');
      expect(sender.stats().messagesSent).toBeLessThanOrEqual(16);
      expectReceived(await slow.receive(total), { messages: total });
      expectReceived(await received, { messages: total });
      await sending.promise;
    });

    test('memory comes back when the last of them is done with it', async () => {
      const { sender, receivers } = await fanOut(2);
      const [one, two] = receivers as [RemoteReceiver, RemoteReceiver];
      await sendPatterned(sender, 10_000, 0);
      await one.receive(1);
      const flush = observe(sender.flush());
      await one.stats();
      expect(flush.state()).toBe('pending');
      expect(sender.stats().bytesOut).toBeGreaterThanOrEqual(10_000);
      await two.receive(1);
      await flush.promise;
      expect(sender.stats().bytesOut).toBe(0);
    });

    test('one that joins later gets what is sent from then on', async () => {
      const { sender, receivers } = await fanOut(1);
      await sendPatterned(sender, 100, 0);
      const late = await stage.remoteReceiver(sender.endpoint);
      await sender.waitForReceivers(2);
      await sendPatterned(sender, 100, 1);
      expectReceived(await late.receive(1), { messages: 1, first: 1 });
      expectReceived(await (receivers[0] as RemoteReceiver).receive(2), { messages: 2 });
    });

    test('one that hangs up does not disturb the other', async () => {
      const { sender, receivers } = await fanOut(2);
      const [stays, leaves] = receivers as [RemoteReceiver, RemoteReceiver];
      const received = stays.receive(40);
      const left = leaves.receive(21).then(() => leaves.close());
      for (let sequence = 0; sequence < 40; sequence++) {
        await sendPatterned(sender, 30_000, sequence);
      }
      expectReceived(await received, { messages: 40 });
      await left;
      await stage.until(() => sender.receivers.length === 1);
      await sender.flush();
      expect(sender.stats().bytesOut).toBe(0);
    });

    test.runIf(subject.processes)('one that is killed does not disturb the other', async () => {
      const { sender, receivers } = await fanOut(2);
      const [stays, dies] = receivers as [RemoteReceiver, RemoteReceiver];
      const received = stays.receive(41);
      await sendPatterned(sender, 30_000, 0);
      await dies.hold(1);
      const large = (await filledLoan(sender, 8 * MIB, 1)).send();
      await dies.peer.end();
      expect(await large).toBe('sent');
      for (let sequence = 2; sequence < 41; sequence++) {
        expect(await sendPatterned(sender, 30_000, sequence)).toBe('sent');
      }
      expectReceived(await received, { messages: 41 });
      await sender.flush();
      expect(sender.receivers).toHaveLength(1);
      expect(sender.stats().bytesOut).toBe(0);
    });
  });
}
