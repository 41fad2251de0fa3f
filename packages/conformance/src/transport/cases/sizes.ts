import { describe, expect, test } from 'vitest';
import { expectReceived } from '../harness/expectations.js';
import { filledLoan, receiveChecked, sendPatterned } from '../harness/here.js';
import { useStage } from '../harness/stage.js';
import { fillPattern, patterned } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4 * KIB;

/** Messages of every size arrive as they were sent. */
export function describeSizes(subject: Subject): void {
  describe('sizes', () => {
    const stage = useStage(subject);
    const { pipeBytes } = subject;
    const { maxMessageBytes } = subject.transport.capabilities;
    const sizes = [0, 1, PAGE - 1, PAGE, PAGE + 1, 64 * KIB]
      .concat([pipeBytes - 1, pipeBytes, pipeBytes + 1])
      .concat([3 * MIB + 7, 8 * MIB, 20 * MIB + 1]);

    test.each(sizes)('a message of %i bytes arrives at the peer byte for byte', async (size) => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(1);
      expect(await sendPatterned(sender, size, 0)).toBe('sent');
      expectReceived(await received, { messages: 1, bytes: size });
    });

    test.each(sizes)('a message of %i bytes from the peer arrives byte for byte', async (size) => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(size);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: size });
      expect((await sent).outcomes.sent).toBe(1);
    });

    test('messages of all sizes, mixed, arrive in order', async () => {
      const { sender, receiver } = await stage.incoming();
      const mixed = [...sizes, ...sizes.toReversed(), 0, 0, 1, 5, PAGE, 0];
      const sent = sender.send(...mixed).then(() => sender.close());
      const bytes = mixed.reduce((sum, size) => sum + size, 0);
      const report = await receiveChecked(receiver);
      expectReceived(report, { messages: mixed.length, bytes, ended: true });
      await sent;
    });

    test.runIf(maxMessageBytes >= 256 * MIB)(
      'a message of 256 MiB, larger than the whole pool, passes in both directions',
      async () => {
        const byteLength = 256 * MIB;
        const outgoing = await stage.outgoing();
        const received = outgoing.receiver.receive(1);
        expect(await sendPatterned(outgoing.sender, byteLength, 0)).toBe('sent');
        expectReceived(await received, { messages: 1, bytes: byteLength });
        const incoming = await stage.incoming();
        const sent = incoming.sender.send(byteLength);
        const report = await receiveChecked(incoming.receiver, 1);
        expectReceived(report, { messages: 1, bytes: byteLength });
        await sent;
      },
    );

    test('a truncated loan arrives with its new length', async () => {
      const { sender, receiver } = await stage.outgoing();
      const lengths = [0, 1, PAGE - 1, PAGE, 3 * PAGE + 5, 64 * KIB];
      const received = receiver.receive(lengths.length);
      for (const [sequence, length] of lengths.entries()) {
        const loan = await filledLoan(sender, 64 * KIB, sequence);
        loan.truncate(length);
        expect(loan.byteLength).toBe(length);
        expect(loan.bytes.length).toBe(length);
        expect(await loan.send()).toBe('sent');
      }
      const bytes = lengths.reduce((sum, length) => sum + length, 0);
      expectReceived(await received, { messages: lengths.length, bytes });
      await sender.flush();
      expect(sender.stats()).toMatchObject({ bytesSent: bytes, bytesOut: 0 });
    });

    test('send copies the bytes of any Uint8Array, whatever its alignment', async () => {
      const { sender, receiver } = await stage.outgoing();
      const memory = new Uint8Array(MIB + 100);
      const received = receiver.receive(5);
      for (const [sequence, start] of [0, 1, 3, 8, 99].entries()) {
        const bytes = memory.subarray(start, start + 300 * KIB + sequence);
        fillPattern(bytes, sequence);
        expect(await sender.send(bytes)).toBe('sent');
        memory.fill(0xee); // The copy was taken: what becomes of the original does not matter.
      }
      expectReceived(await received, { messages: 5 });
    });

    test('a large message goes through send in one call', async () => {
      const { sender, receiver } = await stage.outgoing();
      const received = receiver.receive(1);
      expect(await sender.send(patterned(20 * MIB + 3, 0))).toBe('sent');
      expectReceived(await received, { messages: 1, bytes: 20 * MIB + 3 });
    });
  });
}
