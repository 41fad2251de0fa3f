import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import {
  expectIntact,
  filledLoan,
  receiveChecked,
  receiveOne,
  sendPatterned,
} from '../harness/here.js';
import { ProcessPeer } from '../harness/process-peer.js';
import { RemoteReceiver, RemoteSender } from '../harness/remote.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;

/** Either side ends in good order, and the other one knows. */
export function describeEndings(subject: Subject): void {
  describe('orderly end', () => {
    const stage = useStage(subject);

    test('what was sent before close is drained, then there is nothing for ever', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(1, 0, 4096, 20_000);
      await sender.close();
      expectReceived(await receiveChecked(receiver), { messages: 4, ended: true });
      const fd = openNullDevice(stage);
      for (let time = 0; time < 2; time++) {
        expect((await receiver.receive())?.sequence).toBeUndefined();
        expect((await receiver.receive({ timeout: 60_000 }))?.sequence).toBeUndefined();
        expect(receiver.tryReceive()?.sequence).toBeUndefined();
        expect(await receiver.receiveMany(3)).toEqual([]);
        expect(await receiver.spliceTo(fd)).toBeUndefined();
      }
    });

    test('a loop that polls sees the end, and not before it (11.21)', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(10, 100_000);
      await sender.close();
      const sequences: number[] = [];
      await stage.until(() => {
        const delivery = receiver.tryReceive();
        if (delivery !== undefined) {
          expect(receiver.ended).toBe(false);
          sequences.push(delivery.sequence);
          delivery.release();
        }
        return receiver.ended;
      });
      expect(sequences).toEqual([0, 1]);
      await receiver.close();
      expect(receiver.ended).toBe(true);
    });

    test.each(['receive', 'receiveMany', 'spliceTo', 'for await'] as const)(
      '%s that finds the end notes it (11.21)',
      async (call) => {
        const { sender, receiver } = await stage.incoming();
        const fd = openNullDevice(stage);
        const found = {
          receive: () => receiver.receive(),
          receiveMany: () => receiver.receiveMany(2),
          spliceTo: () => receiver.spliceTo(fd),
          'for await': async () => {
            for await (const delivery of receiver) delivery.release();
          },
        }[call]();
        expect(receiver.ended).toBe(false);
        await sender.close();
        await found;
        expect(receiver.ended).toBe(true);
      },
    );

    test('a sender that dies has not ended', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.destroy();
      await expectFailure(() => receiver.receive(), 'PEER_DIED');
      expect(receiver.ended).toBe(false);
    });

    test('close lets a large message leave first', async () => {
      const { sender, receiver } = await stage.outgoing();
      const loan = await filledLoan(sender, 24 * MIB, 0);
      expect(loan.trySend()).toBe('sent');
      const closing = sender.close();
      expect(sender.closed).toBe(true);
      expectReceived(await receiver.receive(), { messages: 1, bytes: 24 * MIB, ended: true });
      await closing;
    });

    test('the end wakes a receive that waits for it', async () => {
      const { sender, receiver } = await stage.incoming();
      const waiting = [receiver.receive(), receiver.receive()];
      await sender.close();
      expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    });

    test('a delivery that is held outlives its sender', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(500_000);
      const delivery = await receiveOne(receiver);
      await sent;
      await sender.close();
      expect((await receiver.receive())?.sequence).toBeUndefined();
      expectIntact(delivery);
      delivery.release();
    });

    test('a sender without receivers closes at once', async () => {
      const sender = await stage.sender();
      const loan = await sender.loan(100);
      await sender.close();
      expect(loan.owned).toBe(false);
    });

    test('a receiver that hangs up gives the memory back and is not sent to', async () => {
      const { sender, receiver } = await stage.outgoing();
      await sendPatterned(sender, 1000, 0);
      await sendPatterned(sender, 2000, 1);
      await receiver.hold(1);
      await receiver.close();
      await sender.flush();
      await stage.until(() => sender.receivers.length === 0);
      expect(sender.stats()).toMatchObject({ messagesSent: 2, bytesOut: 0 });
      const loan = await filledLoan(sender, 100, 2);
      expect(await loan.send()).toBe('no-receiver');
      expect(loan.owned).toBe(true);
    });

    test('a receiver that hangs up lets a send go on that waited for it', async () => {
      const { sender, receiver } = await stage.outgoing();
      const loan = await filledLoan(sender, 64 * MIB, 0);
      const sending = loan.send();
      await receiver.close();
      expect(['sent', 'no-receiver']).toContain(await sending);
      loan.release();
      await sender.flush();
      expect(sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
    });

    test('a new receiver takes over where one has hung up', async () => {
      const { sender, receiver } = await stage.outgoing({ sender: { maxReceivers: 1 } });
      await sendPatterned(sender, 100, 0);
      expectReceived(await receiver.receive(1), { messages: 1 });
      await receiver.close();
      await stage.until(() => sender.receivers.length === 0);
      const next = await stage.remoteReceiver(sender.endpoint);
      await sender.waitForReceivers();
      await sendPatterned(sender, 100, 1);
      expectReceived(await next.receive(1), { messages: 1, first: 1 });
    });

    test('destroy is no orderly end: receivers see PEER_DIED', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(10, 20);
      await sender.destroy();
      expectReceived(await receiveChecked(receiver, 2), { messages: 2 });
      await expectFailure(() => receiver.receive(), 'PEER_DIED');
      await expectFailure(() => receiver.tryReceive(), 'PEER_DIED');
    });

    test('await using closes a sender and a receiver', async () => {
      const endpoint = stage.endpoint();
      const remote = stage.remoteReceiver(endpoint);
      {
        await using sender = await subject.transport.createSender({ endpoint });
        await sender.waitForReceivers();
        await sendPatterned(sender, 10, 0);
      }
      expectReceived(await (await remote).receive(), { messages: 1, ended: true });
      const other = await stage.remoteSender(stage.endpoint());
      {
        await using sender = await stage.sender();
        await using receiver = await stage.receiver(sender.endpoint);
        expect(receiver.closed).toBe(false);
      }
      expect(await other.receivers()).toEqual([]);
    });

    test.runIf(subject.processes)(
      'processes that have closed everything end by themselves',
      async () => {
        const { moduleUrl, exportName } = subject;
        const [one, two] = await Promise.all([
          ProcessPeer.start(moduleUrl, exportName),
          ProcessPeer.start(moduleUrl, exportName),
        ]);
        stage.defer(() => Promise.all([one.end(), two.end()]));
        const endpoint = stage.endpoint();
        const sender = new RemoteSender(one, await one.call('createSender', { endpoint }));
        const receiver = new RemoteReceiver(two, await two.call('createReceiver', { endpoint }));
        await sender.waitForReceivers(1);
        const received = receiver.receive();
        await sender.send(100, 3 * MIB);
        await sender.close();
        expectReceived(await received, { messages: 2, ended: true });
        await receiver.close();
        expect(await one.leave()).toEqual({ code: 0, signal: null });
        expect(await two.leave()).toEqual({ code: 0, signal: null });
        expect(existsSync(endpoint)).toBe(false);
      },
    );
  });
}
