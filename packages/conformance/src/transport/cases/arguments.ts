import type { Receiver, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveChecked, sendPatterned } from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import {
  expectRefused,
  NO_BYTES,
  NO_DESCRIPTORS,
  NO_INTEGERS,
  NO_OPTIONS,
} from '../harness/unusable.js';
import type { Subject } from '../registration.js';

/** Unusable arguments are refused by name, and nothing else happens. */
export function describeArguments(subject: Subject): void {
  describe('arguments', () => {
    const stage = useStage(subject);
    const { maxMessageBytes, maxReceivers, tee } = subject.transport.capabilities;

    async function expectPairWorks(
      sender: Sender,
      receive: () => ReturnType<typeof receiveChecked>,
    ): Promise<void> {
      expect(sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 0, bytesOut: 0 });
      expect(await sendPatterned(sender, 5000, 0)).toBe('sent');
      expectReceived(await receive(), { messages: 1, bytes: 5000 });
    }

    test('a sender refuses unusable lengths, bytes and counts, and works on', async () => {
      const { sender, receiver } = await stage.outgoing();
      await expectRefused([...NO_INTEGERS, undefined], (value) => sender.loan(value), 'byteLength');
      await expectRefused(
        [...NO_INTEGERS, undefined],
        (value) => sender.tryLoan(value),
        'byteLength',
      );
      await expectRefused(NO_BYTES, (value) => sender.send(value), 'bytes');
      const counts = [...NO_INTEGERS, maxReceivers + 1];
      await expectRefused(counts, (value) => sender.waitForReceivers(value), 'count');
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('a sender refuses unusable signals and time limits, and works on', async () => {
      const { sender, receiver } = await stage.outgoing();
      const names = ['options', 'signal', 'timeout'];
      await expectRefused(NO_OPTIONS, (value) => sender.loan(1, value), ...names);
      await expectRefused(NO_OPTIONS, (value) => sender.send(new Uint8Array(1), value), ...names);
      await expectRefused(NO_OPTIONS, (value) => sender.waitForReceivers(1, value), ...names);
      await expectRefused(NO_OPTIONS, (value) => sender.flush(value), ...names);
      await expectRefused(NO_OPTIONS, (value) => sender.close(value), ...names);
      expect(sender.closed).toBe(false);
      const loan = await sender.loan(1);
      await expectRefused(NO_OPTIONS, (value) => loan.send(value), ...names);
      expect(loan.owned).toBe(true);
      loan.release();
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('options that do not exist are refused, with the nearest name (11.21)', async () => {
      const { sender, receiver } = await stage.outgoing();
      const near = await stage.incoming();
      const fd = openNullDevice(stage);
      const late = { timeOut: 5 } as never;
      const calls: Record<string, () => unknown> = {
        loan: () => sender.loan(1, late),
        send: () => sender.send(new Uint8Array(1), late),
        waitForReceivers: () => sender.waitForReceivers(1, late),
        flush: () => sender.flush(late),
        close: () => sender.close(late),
        receive: () => near.receiver.receive(late),
        receiveMany: () => near.receiver.receiveMany(1, late),
        spliceTo: () => near.receiver.spliceTo(fd, late),
      };
      for (const [name, call] of Object.entries(calls)) {
        const error = await expectFailure(call, 'INVALID_ARGUMENT');
        expect(`${name}: ${error.message}`).toBe(
          `${name}: there is no option 'timeOut': did you mean 'timeout'?`,
        );
      }
      const endpoint = stage.endpoint();
      const wide = { endpoint, poolByte: 5 } as never;
      const created = await expectFailure(
        () => subject.transport.createSender(wide),
        'INVALID_ARGUMENT',
      );
      expect(created.message).toContain("did you mean 'poolBytes'?");
      const joined = await expectFailure(
        () => subject.transport.createReceiver({ endpoint, maxBorowedBytes: 5 } as never),
        'INVALID_ARGUMENT',
      );
      expect(joined.message).toContain("did you mean 'maxBorrowedBytes'?");
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('a loan refuses an unusable length to truncate to, and stays as it is', async () => {
      const { sender, receiver } = await stage.outgoing();
      const loan = await sender.loan(100);
      const lengths = [...NO_INTEGERS, undefined, 101];
      await expectRefused(lengths, (value) => loan.truncate(value), 'byteLength');
      expect(loan.byteLength).toBe(100);
      expect(loan.owned).toBe(true);
      loan.release();
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('a message larger than the transport carries is MESSAGE_TOO_LARGE', async () => {
      const { sender, receiver } = await stage.outgoing();
      await expectFailure(() => sender.loan(maxMessageBytes + 1), 'MESSAGE_TOO_LARGE');
      await expectFailure(() => sender.tryLoan(maxMessageBytes + 1), 'MESSAGE_TOO_LARGE');
      await expectFailure(() => sender.loan(Number.MAX_SAFE_INTEGER), 'MESSAGE_TOO_LARGE');
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('a receiver refuses unusable arguments, and no message is lost', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(100, 200);
      const fd = openNullDevice(stage);
      const names = ['options', 'signal', 'timeout'];
      const counts = [...NO_INTEGERS, 0, undefined];
      await expectRefused(counts, (value) => receiver.receiveMany(value), 'max');
      await expectRefused(NO_OPTIONS, (value) => receiver.receive(value), ...names);
      await expectRefused(NO_OPTIONS, (value) => receiver.receiveMany(1, value), ...names);
      await expectRefused(NO_OPTIONS, (value) => receiver.spliceTo(fd, value), ...names);
      await expectRefused(NO_DESCRIPTORS, (value) => receiver.spliceTo(value), 'destination');
      const tees = NO_DESCRIPTORS.filter((value) => value !== undefined);
      await expectRefused(tees, (value) => receiver.spliceTo(fd, { tee: value }), 'tee');
      expect(receiver.stats()).toMatchObject({ messagesReceived: 0, deliveriesHeld: 0 });
      expectReceived(await receiveChecked(receiver, 2), { messages: 2, bytes: 300 });
    });

    test.skipIf(tee)('tee is NOT_SUPPORTED where the capabilities say so', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(100);
      const fd = openNullDevice(stage);
      await expectFailure(() => receiver.spliceTo(fd, { tee: fd }), 'NOT_SUPPORTED');
      expectReceived(await receiveChecked(receiver, 1), { messages: 1 });
    });

    test('a transport refuses unusable options, and the endpoint stays free', async () => {
      const endpoint = stage.endpoint();
      const { transport } = subject;
      const withOption = (name: string) => (value: unknown) =>
        transport.createSender({ endpoint, [name]: value }).then((sender: Sender) => {
          stage.defer(() => sender.destroy());
          return `a sender with ${name} ${String(value)}`;
        });
      const notPositive = [...NO_INTEGERS, 0];
      await expectRefused(
        [undefined, null, 5, 'x'],
        (value) => transport.createSender(value),
        'options',
        'endpoint',
      );
      await expectRefused(
        [undefined, null, 5, {}, Buffer.from('x')],
        withOption('endpoint'),
        'endpoint',
      );
      await expectRefused(notPositive, withOption('poolBytes'), 'poolBytes');
      await expectRefused(
        [...notPositive, maxReceivers + 1],
        withOption('maxReceivers'),
        'maxReceivers',
      );
      await expectRefused(NO_INTEGERS, withOption('spinMicroseconds'), 'spinMicroseconds');
      const sender = await stage.sender({}, endpoint);
      const receiver = await stage.remoteReceiver(endpoint);
      await sender.waitForReceivers();
      await expectPairWorks(sender, () => receiver.receive(1));
    });

    test('a transport refuses unusable options of a receiver', async () => {
      const { sender, receiver } = await stage.outgoing();
      const { endpoint } = sender;
      const { transport } = subject;
      const withOption = (name: string) => (value: unknown) =>
        transport.createReceiver({ endpoint, [name]: value }).then((other: Receiver) => {
          stage.defer(() => other.close());
          return `a receiver with ${name} ${String(value)}`;
        });
      await expectRefused(
        [undefined, null, 5, 'x'],
        (value) => transport.createReceiver(value),
        'options',
        'endpoint',
      );
      await expectRefused(
        [undefined, null, 5, {}, Buffer.from('x')],
        withOption('endpoint'),
        'endpoint',
      );
      await expectRefused([...NO_INTEGERS, 0], withOption('maxBorrowedBytes'), 'maxBorrowedBytes');
      await expectRefused(NO_INTEGERS, withOption('spinMicroseconds'), 'spinMicroseconds');
      await expectRefused(['now', {}, null], withOption('signal'), 'signal');
      await expectRefused([-1, 0.5, '5', null], withOption('timeout'), 'timeout');
      expect(sender.receivers).toHaveLength(1);
      await expectPairWorks(sender, () => receiver.receive(1));
    });
  });
}
