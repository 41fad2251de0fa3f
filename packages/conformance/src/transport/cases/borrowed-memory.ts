import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Delivery, isPageferryError, type Loan } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import {
  expectIntact,
  filledLoan,
  receiveChecked,
  receiveOne,
  sendPatterned,
} from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const DETACHED = expect.objectContaining({ code: 'BYTES_DETACHED' });
const PROGRAM = fileURLToPath(new URL('../peers/thread-jobs.js', import.meta.url));

type Transferable = ArrayBufferLike & { transfer?(): ArrayBuffer };

/** Ways in which another API takes the memory of a view over. */
const TAKERS: readonly (readonly [string, (bytes: Uint8Array) => unknown])[] = [
  [
    'a byte stream that it is put into',
    (bytes) =>
      new ReadableStream({
        type: 'bytes',
        start: (controller) => controller.enqueue(bytes as Uint8Array<ArrayBuffer>),
      }),
  ],
  [
    'a byte stream that is read into it',
    (bytes) => {
      const stream = new ReadableStream({
        type: 'bytes',
        pull(controller) {
          controller.byobRequest?.respond(1);
        },
      });
      const reader = stream.getReader({ mode: 'byob' });
      return reader.read(bytes as Uint8Array<ArrayBuffer>);
    },
  ],
  ['ArrayBuffer.transfer', (bytes) => (bytes.buffer as Transferable).transfer?.()],
];

/** What becomes of bytes that Node, V8 or the program still reach, or have moved on. */
export function describeBorrowedMemory(subject: Subject): void {
  describe('borrowed memory', () => {
    const stage = useStage(subject);
    const hasTransfer = 'transfer' in ArrayBuffer.prototype;

    describe.each(TAKERS)('taken over by %s', (name, take) => {
      const applies = name !== 'ArrayBuffer.transfer' || hasTransfer;

      test.skipIf(!applies)('is one delivery, and nothing else is harmed (11.7)', async () => {
        const { sender, receiver } = await stage.incoming();
        const sent = sender.sendMany(4, 1000);
        const held: Delivery[] = [];
        while (held.length < 4) held.push(await receiveOne(receiver));
        await sent;
        const taken = held[1] as Delivery;
        await take(taken.bytes);
        expect(() => taken.bytes).toThrow(DETACHED);
        expect(() => taken.copy()).toThrow(DETACHED);
        expect(taken.byteLength).toBe(1000);
        for (const delivery of held) {
          if (delivery !== taken) expectIntact(delivery);
          delivery.release();
        }
        expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
        const more = sender.sendMany(300, 1000);
        expect(await receiveChecked(receiver, 300)).toMatchObject({ messages: 300, problems: [] });
        await more;
        await sender.flush();
      });

      test.skipIf(!applies)('is one loan, which cannot be sent any more (11.7)', async () => {
        const { sender, receiver } = await stage.outgoing();
        const other = await filledLoan(sender, 1000, 0);
        const loan: Loan = await sender.loan(1000);
        await take(loan.bytes);
        expect(() => loan.bytes).toThrow(DETACHED);
        expect(() => loan.trySend()).toThrow(DETACHED);
        await expect(loan.send()).rejects.toThrow(DETACHED);
        expect(() => loan.truncate(1)).toThrow(DETACHED);
        expect([loan.owned, loan.byteLength]).toEqual([true, 1000]);
        loan.release();
        const receiving = receiver.receive(301);
        expect(await other.send()).toBe('sent');
        for (let message = 1; message <= 300; message++) await sendPatterned(sender, 1000, message);
        expect(await receiving).toMatchObject({ messages: 301, problems: [] });
        expect(sender.stats().loansHeld).toBe(0);
      });

      // Within one process the sender's memory is the receiver's, too, and would be taken with it.
      test.skipIf(!applies || !subject.processes)(
        'is what was kept of earlier messages, and no later one (11.7)',
        async () => {
          const { sender, receiver } = await stage.incoming();
          const kept: Uint8Array[] = [];
          for (let message = 0; message < 20; message++) {
            const sent = sender.sendMany(1, 1000);
            const delivery = await receiveOne(receiver);
            expectIntact(delivery);
            kept.push(delivery.bytes);
            delivery.release();
            await sent;
            for (const bytes of kept.splice(0)) if (bytes.length > 0) await take(bytes);
          }
        },
      );
    });

    test('a message of no bytes is nobody else’s either (11.7)', async () => {
      const { sender, receiver } = await stage.incoming();
      for (let message = 0; message < 3; message++) {
        const sent = sender.sendMany(1, 0);
        const delivery = await receiveOne(receiver);
        (delivery.bytes.buffer as Transferable).transfer?.();
        delivery.release();
        await sent;
      }
      const sending = await stage.outgoing();
      for (let message = 0; message < 3; message++) {
        const loan = await sending.sender.loan(0);
        (loan.bytes.buffer as Transferable).transfer?.();
        loan.truncate(0);
        loan.release();
      }
    });

    // Within one process the sender's memory is the receiver's, too.
    test.runIf(subject.processes).each([
      ['was lent as such', 0],
      ['was made such', 100],
    ])(
      'a message of no bytes that %s harms no other when it is moved on (11.7)',
      async (_, lent) => {
        const { sender, receiver } = await stage.outgoing();
        const loan = await sender.loan(lent);
        loan.truncate(0);
        const { buffer } = loan.bytes;
        if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
        loan.truncate(0);
        let sent = 0;
        try {
          if (loan.trySend() === 'sent') sent = 1;
        } catch (error) {
          expect(error).toEqual(DETACHED);
        }
        loan.release();
        const receiving = receiver.receive(sent + 20);
        for (let message = 0; message < 20; message++)
          await sendPatterned(sender, 100, sent + message);
        expect(await receiving).toMatchObject({ messages: sent + 20, problems: [] });
      },
    );

    test('a clone of a message is not one of all memory (11.7)', async () => {
      const { sender, receiver } = await stage.incoming();
      for (const length of [7, 5000, 300_000]) {
        const sent = sender.sendMany(1, length);
        const delivery = await receiveOne(receiver);
        const clone = structuredClone(delivery.bytes);
        expect(clone).toEqual(new Uint8Array(delivery.copy()));
        expect(clone.buffer.byteLength).toBeLessThanOrEqual(2 * length + 8192);
        delivery.release();
        await sent;
      }
      const sending = await stage.outgoing();
      const loan = await sending.sender.loan(7);
      expect(structuredClone(loan.bytes).buffer.byteLength).toBeLessThanOrEqual(8192);
      loan.release();
    });

    describe.skipIf(!subject.processes)('in a process of its own', () => {
      async function run(scenario: string, ...nodeOptions: readonly string[]): Promise<void> {
        const { moduleUrl, exportName, senderOptions: sender, receiverOptions: receiver } = subject;
        const options = JSON.stringify({ sender, receiver, endpoint: stage.endpoint('jobs') });
        const words = [PROGRAM, moduleUrl, exportName, scenario, options];
        const child = spawn(process.execPath, [...nodeOptions, ...words], {
          stdio: ['ignore', 'inherit', 'pipe'],
        });
        stage.defer(() => child.kill('SIGKILL'));
        let stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          stderr += text;
        });
        const [code, signal] = await once(child, 'close');
        expect({ code, signal, stderr }).toMatchObject({ code: 0, signal: null });
      }

      test.each([
        [
          'compresses a delivery while its receiver closes, and gets it right (11.6)',
          'closeReceiver',
        ],
        [
          'compresses a loan while its sender is destroyed, and gets it right (11.6)',
          'destroySender',
        ],
        [
          'writes a delivery that was released too early, and nothing worse comes of it (11.6)',
          'releaseEarly',
        ],
        ['ends after its buffers were marked as untransferable (11.8)', 'mark'],
      ])('a program %s', (_, scenario) => run(scenario, '--expose-gc'));

      test('a program is not made to collect its whole heap for each receiver (11.24)', () =>
        run('collectAfterJoins'));

      test.skipIf(!subject.ownBuffers)(
        'a program is not made to collect its whole heap for each message (11.24)',
        () => run('collectAfterMessages'),
      );
    });

    test('an error says what took the bytes, and what to do', async () => {
      const { sender } = await stage.outgoing();
      using loan = await sender.loan(10);
      new ReadableStream({
        type: 'bytes',
        start: (controller) => controller.enqueue(loan.bytes as Uint8Array<ArrayBuffer>),
      });
      let error: unknown;
      try {
        loan.trySend();
      } catch (thrown) {
        error = thrown;
      }
      expect(isPageferryError(error, 'BYTES_DETACHED')).toBe(true);
      expect(String(error)).toMatch(/byte stream.*release this loan/s);
    });
  });
}
