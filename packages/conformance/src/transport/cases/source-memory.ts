import type { Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { sendPatterned } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { fillPattern } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const LENGTH = 1000;

interface Resizable {
  resize(byteLength: number): void;
}

/** Memory whose length may change, if this engine has such. */
const resizable = (byteLength: number): ArrayBuffer & Partial<Resizable> =>
  new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(byteLength, {
    maxByteLength: 2 * byteLength,
  });

/** As a key of a fixed length: what `subarray` returns is another one. */
class Key extends Uint8Array {
  constructor() {
    super(32);
  }
}

/** Views that say nothing of their memory, or something wrong. */
const ODD_VIEWS: Readonly<Record<string, (buffer: ArrayBuffer) => ArrayBufferView>> = {
  'a Uint8Array without a prototype': (buffer) =>
    Object.setPrototypeOf(new Uint8Array(buffer, 8, LENGTH), null),
  'a DataView without a prototype': (buffer) =>
    Object.setPrototypeOf(new DataView(buffer, 8, LENGTH), null),
  'a Float64Array without a prototype': (buffer) =>
    Object.setPrototypeOf(new Float64Array(buffer, 8, LENGTH / 8), null),
  'a class that makes its parts itself': (buffer) =>
    Object.setPrototypeOf(new Uint8Array(buffer, 8, LENGTH), Key.prototype),
  'a Uint8Array with a length of its own': (buffer) =>
    Object.defineProperty(new Uint8Array(buffer, 8, LENGTH), 'length', { value: 3 }),
  'a DataView with a length of its own': (buffer) =>
    Object.defineProperty(new DataView(buffer, 8, LENGTH), 'byteLength', { value: 3 }),
};

/** Ways in which what a view shows goes, or a part of it. Each gets memory of {@link LENGTH} bytes. */
const CHANGES: Readonly<Record<string, (buffer: ArrayBuffer) => unknown>> = {
  'is transferred': (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  'becomes shorter': (buffer) => (buffer as Partial<Resizable>).resize?.(LENGTH / 2),
};

/** Bytes are sent as they are, or not at all: what a program sends may not be what it thinks. */
export function describeSourceMemory(subject: Subject): void {
  describe('the memory that is sent', () => {
    const stage = useStage(subject);

    async function expectNothingSent(sender: Sender): Promise<void> {
      expect(sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 0, bytesOut: 0 });
      expect(await sendPatterned(sender, 5000, 0)).toBe('sent');
    }

    test.each(Object.keys(ODD_VIEWS))('of %s is all of its bytes', async (name) => {
      const { sender, receiver } = await stage.outgoing();
      const buffer = new ArrayBuffer(LENGTH + 16);
      fillPattern(new Uint8Array(buffer, 8, LENGTH), 0);
      const view = ODD_VIEWS[name]?.(buffer) as ArrayBufferView;
      expect(await sender.send(view)).toBe('sent');
      expectReceived(await receiver.receive(1), { messages: 1, bytes: LENGTH });
    });

    test('of a class that makes its parts itself is all of its bytes, copied in pieces or in its turn, too', async () => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(2);
      const sent = [MIB, 100].map((length, sequence) => {
        const bytes = Object.setPrototypeOf(new Uint8Array(length), Key.prototype) as Uint8Array;
        fillPattern(bytes, sequence);
        return sender.send(bytes);
      });
      expect(await Promise.all(sent)).toEqual(['sent', 'sent']);
      expectReceived(await received, { messages: 2, bytes: MIB + 100 });
    });

    test('is BYTES_DETACHED where it is not there any more, and nothing is sent', async () => {
      const { sender, receiver } = await stage.outgoing();
      const transferred = new ArrayBuffer(LENGTH);
      const shortened = resizable(LENGTH);
      const here = new Uint8Array(8);
      const views = [transferred, shortened].flatMap((buffer) => [
        new Uint8Array(buffer, 8, LENGTH - 8),
        new DataView(buffer, 8, LENGTH - 8),
        new Float64Array(buffer, 8, 10),
        [here, new Uint8Array(buffer, 8, LENGTH - 8), here],
      ]);
      structuredClone(transferred, { transfer: [transferred] });
      shortened.resize?.(4);
      for (const view of views) {
        const error = await expectFailure(() => sender.send(view), 'BYTES_DETACHED');
        expect(error.message).toContain('bytes');
      }
      await expectNothingSent(sender);
      expectReceived(await receiver.receive(1), { messages: 1, bytes: 5000 });
    });

    test.each(Object.keys(CHANGES))(
      'that %s while a send waits for room is BYTES_DETACHED, and nothing of it is sent',
      async (name) => {
        const poolBytes = MIB;
        const { sender, receiver } = await stage.outgoing({ sender: { poolBytes } });
        const loans = await Promise.all([1, 2, 3, 4].map(() => sender.loan(poolBytes / 4)));
        const buffer = resizable(LENGTH);
        const here = new Uint8Array(8);
        const sending = observe(sender.send([here, new Uint8Array(buffer), here]));
        await turns();
        expect(sending.state()).toBe('pending');
        CHANGES[name]?.(buffer);
        for (const loan of loans) loan.release();
        await expectFailure(() => sending.promise, 'BYTES_DETACHED');
        await expectNothingSent(sender);
        expectReceived(await receiver.receive(1), { messages: 1, bytes: 5000 });
      },
    );
  });
}
