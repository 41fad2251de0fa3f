import { describe, expect, test } from 'vitest';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure } from '../harness/expectations.js';
import { fillWithSmall } from '../harness/filling.js';
import { sendPatterned } from '../harness/here.js';
import { type Stage, useStage } from '../harness/stage.js';
import { describeGivingUp, type WaitingCall } from '../harness/waiting-calls.js';
import type { Subject } from '../registration.js';

const KIB = 1024;

const WAITS: readonly WaitingCall<Stage>[] = [
  [
    'createReceiver without a sender',
    async (stage) => {
      const endpoint = stage.endpoint();
      return (options) => stage.receiver(endpoint, { ...options });
    },
    /no sender at \S+/,
  ],
  [
    'loan while the pool is lent out',
    async (stage) => {
      const sender = await stage.sender({ poolBytes: 64 * KIB });
      await sender.loan(64 * KIB);
      return (options) => sender.loan(64 * KIB, options);
    },
    /no room for 64 KiB: \d.*KiB of a pool of 64 KiB are out \(1 loan of this program/,
  ],
  [
    'loan behind another loan that waits',
    async (stage) => {
      const sender = await stage.sender({ poolBytes: 64 * KIB });
      await sender.loan(64 * KIB);
      sender.loan(64 * KIB).catch(() => {});
      return (options) => sender.loan(1, options);
    },
    /no room for 1 byte: .* are out \(1 loan of this program/,
  ],
  [
    'send of bytes while the pool is lent out',
    async (stage) => {
      const sender = await stage.sender({ poolBytes: 64 * KIB });
      await sender.loan(64 * KIB);
      return (options) => sender.send(new Uint8Array(64 * KIB), options);
    },
    /no room for 64 KiB: .* are out \(1 loan of this program/,
  ],
  [
    'waitForReceivers',
    async (stage) => {
      const sender = await stage.sender();
      return (options) => sender.waitForReceivers(1, options);
    },
    /0 of 1 receiver connected at \S+/,
  ],
  [
    'flush while a message is not received',
    async (stage) => {
      const { sender } = await stage.outgoing();
      await sendPatterned(sender, 10, 0);
      return (options) => sender.flush(options);
    },
    /not everything has come back: receiver \d+.*: 1 message, 10 bytes/,
  ],
  [
    'receive',
    async (stage) => {
      const { receiver } = await stage.incoming();
      return (options) => receiver.receive(options);
    },
    /no message from the sender/,
  ],
  [
    'receive behind another receive',
    async (stage) => {
      const { receiver } = await stage.incoming();
      receiver.receive().catch(() => {});
      return (options) => receiver.receive(options);
    },
    /no message from the sender/,
  ],
  [
    'receiveMany',
    async (stage) => {
      const { receiver } = await stage.incoming();
      return (options) => receiver.receiveMany(3, options);
    },
    /no message from the sender/,
  ],
  [
    'spliceTo',
    async (stage) => {
      const { receiver } = await stage.incoming();
      const fd = openNullDevice(stage);
      return (options) => receiver.spliceTo(fd, options);
    },
    /no message from the sender/,
  ],
  [
    'send of a loan that nobody takes',
    async (stage) => {
      const { sender } = await stage.outgoing();
      const loan = await sender.loan(1);
      fillWithSmall(sender).refused.release();
      return (options) => loan.send(options);
    },
    /not accepted: it waits for receiver \d+.*: \d+ messages, /,
  ],
];

/** Every call that waits can be ended by a signal and by a time limit. */
export function describeAborts(subject: Subject): void {
  describe('abort and time limit', () => {
    const stage = useStage(subject);

    describeGivingUp(stage, WAITS, /cases\/aborts\./);

    test('a call that ends with its receiver shows from where it was made (11.17)', async () => {
      const { receiver } = await stage.incoming();
      const failing = expectFailure(async () => await receiver.receive(), 'CLOSED');
      await receiver.close();
      expect((await failing).stack).toMatch(/cases\/aborts\./);
    });
  });
}
