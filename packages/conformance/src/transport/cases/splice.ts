import { once } from 'node:events';
import { constants, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { WritableStream } from 'node:stream/web';
import type { SpliceResult } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFifo, openFile, openSocket } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveChecked } from '../harness/here.js';
import { canOpenDirectly } from '../harness/probes.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { findMismatch, patterned } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const LENGTHS = [1, 4095, 4096, 70_001, 0, MIB, 3 * MIB + 7, 5];
const TOTAL = LENGTHS.reduce((sum, length) => sum + length, 0);

/** What the messages of {@link LENGTHS} are, one after the other. */
function expected(): Buffer {
  return Buffer.concat(LENGTHS.map((length, sequence) => patterned(length, sequence)));
}

/** Expects a result that is right, and whose claims fit together. */
export function expectMoved(
  result: SpliceResult | undefined,
  byteLength: number,
  sequence: number,
): void {
  expect(result).toMatchObject({ byteLength, sequence });
  const copies = { splice: 0, write: 1, 'read-write': 2 };
  expect(result?.userSpaceCopies).toBe(result && copies[result.method]);
}

/** Messages go on to descriptors of every kind. */
export function describeSplice(subject: Subject): void {
  describe('spliceTo', () => {
    const stage = useStage(subject);
    const { tee, zeroCopySplice } = subject.transport.capabilities;

    /** Moves the messages of `LENGTHS`, sent by a peer, to `fd`. */
    async function moveAll(destination: number | { readonly fd: number }): Promise<string[]> {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(...LENGTHS);
      const methods = new Set<string>();
      for (const [sequence, length] of LENGTHS.entries()) {
        const result = await receiver.spliceTo(destination);
        expectMoved(result, length, sequence);
        if (result) methods.add(result.method);
      }
      await sent;
      await sender.flush();
      expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
      expect(receiver.stats()).toMatchObject({
        messagesReceived: LENGTHS.length,
        bytesReceived: TOTAL,
        deliveriesHeld: 0,
      });
      return [...methods];
    }

    test('a file gets the messages one after the other', async () => {
      const path = stage.path('file');
      await moveAll(openFile(stage, path, 'w'));
      expect(readFileSync(path).equals(expected())).toBe(true);
    });

    test('a FileHandle is a destination, and stays open', async () => {
      const path = stage.path('file');
      await using file = await open(path, 'w');
      await moveAll(file);
      await file.write('!');
      expect(readFileSync(path).equals(Buffer.concat([expected(), Buffer.from('!')]))).toBe(true);
    });

    test('a stream of a file is one as soon as it is open (11.21)', async () => {
      const { sender, receiver } = await stage.incoming();
      const path = stage.path('file');
      await sender.send(5000);
      const stream = createWriteStream(path);
      const { message } = await expectFailure(
        // @ts-expect-error: it has no descriptor yet.
        () => receiver.spliceTo(stream),
        'INVALID_ARGUMENT',
      );
      expect(message).toContain("'open'");
      await once(stream, 'open');
      expectMoved(await receiver.spliceTo(stream as unknown as { fd: number }), 5000, 0);
      stream.end('!');
      await once(stream, 'close');
      const content = readFileSync(path);
      expect(content.equals(Buffer.concat([patterned(5000, 0), Buffer.from('!')]))).toBe(true);
    });

    test('what has no descriptor is none: the error says what to pass (11.21)', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(100);
      const nothing = [new Socket(), new PassThrough(), new WritableStream()];
      for (const stream of nothing) {
        const { message } = await expectFailure(
          // @ts-expect-error: a stream has no descriptor.
          () => receiver.spliceTo(stream),
          'INVALID_ARGUMENT',
        );
        expect(message).toMatch(/this stream has not \(write the deliveries to the stream/);
      }
      const pipe = { readEnd: { fd: 3 }, writeEnd: { fd: 4 } };
      const { message } = await expectFailure(
        // @ts-expect-error: a pipe has two ends.
        () => receiver.spliceTo(pipe),
        'INVALID_ARGUMENT',
      );
      expect(message).toContain('one end of the pipe (writeEnd)');
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 100 });
    });

    test('a file in append mode gets them at its end', async () => {
      const path = stage.path('file');
      writeFileSync(path, 'before');
      await moveAll(openFile(stage, path, 'a'));
      const content = readFileSync(path);
      expect(content.subarray(0, 6).toString()).toBe('before');
      expect(content.subarray(6).equals(expected())).toBe(true);
    });

    describe.runIf(canOpenDirectly())('to a file opened with O_DIRECT', () => {
      const lengths = [2 * MIB, 0, 4096, 512, 511, 1, 4095, 4097, MIB + 3, 70_000, 4096, 3];
      const { O_APPEND, O_CREAT, O_DIRECT, O_RDWR, O_WRONLY } = constants;

      test.each([
        ['writing', O_WRONLY, 0],
        ['reading and writing', O_RDWR, 0],
        ['appending to nothing', O_WRONLY | O_APPEND, 0],
        ['appending to whole blocks', O_WRONLY | O_APPEND, 8192],
        ['appending to a part of one', O_WRONLY | O_APPEND, 8195],
      ] as const)(
        'for %s, messages of any length go, and its flags stay (11.30)',
        async (...row) => {
          const [, access, before] = row;
          const path = stage.path('file');
          writeFileSync(path, Buffer.alloc(before, 7));
          const fd = openFile(stage, path, O_CREAT | O_DIRECT | access);
          const flags = () =>
            /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
          const flagsBefore = flags();
          const { sender, receiver } = await stage.incoming();
          const sent = sender.send(...lengths);
          for (const [sequence, length] of lengths.entries()) {
            expectMoved(await receiver.spliceTo(fd), length, sequence);
            expect(flags()).toBe(flagsBefore);
          }
          await sent;
          const parts = lengths.map((length, sequence) => patterned(length, sequence));
          const content = Buffer.concat([Buffer.alloc(before, 7), ...parts]);
          expect(readFileSync(path).equals(content)).toBe(true);
        },
      );
    });

    test('/dev/null takes everything', async () => {
      const methods = await moveAll(openFile(stage, '/dev/null', 'w'));
      expect(methods).toHaveLength(1);
      expect(methods.includes('splice')).toBe(zeroCopySplice);
    });

    test('a pipe gets the messages one after the other', async () => {
      const fifo = openFifo(stage);
      const arrived = fifo.farEnd().read(TOTAL);
      const methods = await moveAll(fifo.fd);
      expect((await arrived).equals(expected())).toBe(true);
      expect(methods).toHaveLength(1);
      expect(methods.includes('splice')).toBe(zeroCopySplice);
    });

    test.each(['unix', 'tcp'] as const)('a %s socket gets them all', async (kind) => {
      const { fd, farEnd } = await openSocket(stage, kind);
      const arrived = farEnd.read(TOTAL);
      await moveAll(fd);
      expect((await arrived).equals(expected())).toBe(true);
    });

    test('a blocking pipe that is full does not hold the event loop', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage, 0);
      const sent = sender.send(3 * MIB);
      const moving = observe(receiver.spliceTo(fifo.fd));
      // Each of these turns is one that a blocked event loop would not take.
      await turns(200);
      expect(moving.state()).toBe('pending');
      const arrived = await fifo.farEnd().read(3 * MIB);
      expect(findMismatch(arrived, 0)).toBe(-1);
      expectMoved(await moving.promise, 3 * MIB, 0);
      await sent;
    });

    test('a large message goes through a pipe to whoever reads it', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      const sent = sender.send(64 * MIB);
      const arrived = fifo.farEnd().read(64 * MIB);
      expectMoved(await receiver.spliceTo(fifo.fd), 64 * MIB, 0);
      expect(findMismatch(await arrived, 0)).toBe(-1);
      await sent;
    });

    test('spliceTo and receive take turns, in the order of the calls', async () => {
      const { sender, receiver } = await stage.incoming();
      const path = stage.path('file');
      const fd = openFile(stage, path, 'w');
      const calls = [receiver.spliceTo(fd), receiver.receive(), receiver.spliceTo({ fd })];
      await sender.send(1000, 2000, 3000, 4000);
      const [first, second, third] = await Promise.all(calls);
      expect([first?.sequence, second?.sequence, third?.sequence]).toEqual([0, 1, 2]);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 3 });
      const content = Buffer.concat([patterned(1000, 0), patterned(3000, 2)]);
      expect(readFileSync(path).equals(content)).toBe(true);
    });

    test('at the orderly end it resolves to undefined', async () => {
      const { sender, receiver } = await stage.incoming();
      const fd = openFile(stage, '/dev/null', 'w');
      await sender.send(100);
      await sender.close();
      expectMoved(await receiver.spliceTo(fd), 100, 0);
      expect(await receiver.spliceTo(fd)).toBeUndefined();
      expect(await receiver.spliceTo({ fd })).toBeUndefined();
    });

    test.runIf(tee)('tee gives the same bytes to a second pipe', async () => {
      const { sender, receiver } = await stage.incoming();
      const path = stage.path('file');
      const fd = openFile(stage, path, 'w');
      const pipe = openFifo(stage);
      const copy = openFifo(stage);
      const sent = sender.send(5000, 3 * MIB, 2 * MIB + 1, 0);
      const copied = copy.farEnd().read(5000 + 5 * MIB + 1);
      const piped = pipe.farEnd().read(5000 + 3 * MIB);
      expectMoved(await receiver.spliceTo(pipe.fd, { tee: copy.fd }), 5000, 0);
      expectMoved(await receiver.spliceTo(pipe.fd, { tee: { fd: copy.fd } }), 3 * MIB, 1);
      expectMoved(await receiver.spliceTo(fd, { tee: copy.fd }), 2 * MIB + 1, 2);
      expectMoved(await receiver.spliceTo(fd, { tee: copy.fd }), 0, 3);
      await sent;
      const [one, two, three] = [
        patterned(5000, 0),
        patterned(3 * MIB, 1),
        patterned(2 * MIB + 1, 2),
      ];
      expect((await copied).equals(Buffer.concat([one, two, three]))).toBe(true);
      expect((await piped).equals(Buffer.concat([one, two]))).toBe(true);
      expect(readFileSync(path).equals(three)).toBe(true);
    });

    test.runIf(tee)('tee into something that is no pipe fails, and loses nothing', async () => {
      const { sender, receiver } = await stage.incoming();
      const fd = openFile(stage, '/dev/null', 'w');
      const file = openFile(stage, stage.path('file'), 'w');
      await sender.send(5000);
      const error = await expectFailure(
        () => receiver.spliceTo(fd, { tee: file }),
        'SYSTEM_CALL_FAILED',
        'INVALID_ARGUMENT',
      );
      expect(error.bytesTransferred ?? 0).toBe(0);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 5000 });
    });
  });
}
