import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import type { ReceiverInfo } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../harness/expectations.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** What travels with a message or is known of it besides its bytes, and in what shapes bytes are sent. */
export function describeBesideTheBytes(subject: Subject): void {
  describe('beside the bytes', () => {
    const stage = useStage(subject);

    async function pair() {
      const sender = await stage.sender();
      const receiver = await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      return { sender, receiver };
    }

    test('a tag travels with its message, and is 0 unless it is set', async () => {
      const { sender, receiver } = await pair();
      const tags = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff];
      for (const tag of tags) {
        const loan = await sender.loan(tag % 7);
        loan.tag = tag;
        expect(await loan.send()).toBe('sent');
        await sender.send(new Uint8Array(3), { tag });
        await sender.send(new Uint8Array(5));
      }
      for (const tag of tags) {
        for (const expected of [tag, tag, 0]) {
          using delivery = await receiver.receive({ timeout: 5000 });
          expect(delivery?.tag).toBe(expected);
        }
      }
    });

    test('a tag that is no 32-bit number is refused, and the loan keeps the one that it has', async () => {
      const { sender } = await pair();
      using loan = await sender.loan(1);
      loan.tag = 7;
      for (const tag of [-1, 1.5, 2 ** 32, Number.NaN, '1', null]) {
        expect(() => Object.assign(loan, { tag })).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'tag' }),
        );
        await expectFailure(
          () => sender.send(new Uint8Array(1), { tag } as never),
          'INVALID_ARGUMENT',
        );
      }
      expect(loan.tag).toBe(7);
    });

    test('the next message is known before it is received, and stays the next one', async () => {
      const { sender, receiver } = await pair();
      expect(receiver.peek()).toBeUndefined();
      await sender.send(new Uint8Array(100), { tag: 9 });
      await sender.send(new Uint8Array(7));
      await stage.until(() => receiver.peek() !== undefined);
      const expected = { byteLength: 100, sequence: 0, offset: 0, tag: 9 };
      expect([receiver.peek(), receiver.peek()]).toEqual([expected, expected]);
      const fd = openSync('/dev/null', 'w');
      try {
        const result = await receiver.spliceTo(fd);
        expect(result).toMatchObject({ byteLength: 100, sequence: 0, tag: 9 });
      } finally {
        closeSync(fd);
      }
      await stage.until(() => receiver.peek() !== undefined);
      expect(receiver.peek()).toMatchObject({ byteLength: 7, sequence: 1, tag: 0 });
      using delivery = await receiver.receive();
      expect(delivery).toMatchObject({ byteLength: 7, sequence: 1 });
      await sender.close();
      await stage.until(() => {
        receiver.peek();
        return receiver.ended;
      });
    });

    test('send takes any view of memory, and a list of them is one message', async () => {
      const { sender, receiver } = await pair();
      const bytes = randomBytes(64);
      const { buffer, byteOffset } = bytes;
      const shared = new Uint8Array(new SharedArrayBuffer(16)).fill(5);
      const shapes: readonly (ArrayBufferView | readonly ArrayBufferView[])[] = [
        bytes,
        new DataView(buffer, byteOffset + 3, 10),
        new Float64Array(bytes.slice().buffer, 8, 4),
        [bytes.subarray(0, 10), new Uint16Array([1, 2, 3]), new Uint8Array(0), bytes.subarray(60)],
        [shared, new BigInt64Array([1n])],
        [],
      ];
      for (const shape of shapes) {
        const pieces = Array.isArray(shape) ? shape : [shape];
        const whole = Buffer.concat(
          pieces.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)),
        );
        expect(await sender.send(shape)).toBe('sent');
        using delivery = await receiver.receive({ timeout: 5000 });
        expect(delivery?.copy()).toEqual(whole);
      }
      for (const wrong of ['text', 5, null, {}, [1], ['text'], new ArrayBuffer(3), [bytes, null]]) {
        await expectFailure(() => sender.send(wrong as never), 'INVALID_ARGUMENT');
      }
    });

    test('receivers that join and leave are told of', async () => {
      const sender = await stage.sender();
      const told: [string, number][] = [];
      const note = (what: string) => (receiver: ReceiverInfo) =>
        void told.push([what, receiver.id]);
      const [onJoin, onLeave] = [note('join'), note('leave')];
      expect(sender.on('join', onJoin).on('leave', onLeave)).toBe(sender);
      const receiver = await stage.receiver(sender.endpoint);
      await stage.until(() => told.length === 1);
      const [id] = sender.receivers.map((info) => info.id);
      expect(told).toEqual([['join', id]]);
      await receiver.close();
      await stage.until(() => sender.receivers.length === 0 && told.length === 2);
      expect(told[1]).toEqual(['leave', id]);
      sender.off('join', onJoin);
      await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      await sender.close();
      // Who is there when the sender closes does not leave.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(told).toHaveLength(2);
      expect(() => sender.on('other' as never, onJoin)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'event' }),
      );
      expect(() => sender.on('join', 5 as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'listener' }),
      );
    });
  });
}
