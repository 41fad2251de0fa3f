import { constants, mkdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PageferryError, Receiver, SpliceResult } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { openFifo, openFile } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { expectIntact, receiveChecked, receiveOne } from '../harness/here.js';
import { canMountTmpfs, mountTmpfs, unmount } from '../harness/probes.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { holdThreads } from '../harness/threads-held.js';
import { findMismatch, patterned } from '../peers/pattern.js';
import type { Subject } from '../registration.js';
import { expectMoved } from './splice.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A destination fails or is given up half-way: the rest of the message is kept. */
export function describeSpliceFailures(subject: Subject): void {
  describe('spliceTo that fails', () => {
    const stage = useStage(subject);

    async function expectErrno(call: () => unknown, errnoName: string): Promise<PageferryError> {
      const error = await expectFailure(call, 'SYSTEM_CALL_FAILED');
      expect(error, error.message).toMatchObject({ errnoName });
      expect(error.syscall).toBeTypeOf('string');
      expect(error.errno).toBeGreaterThan(0);
      expect(error.bytesTransferred).toBeTypeOf('number');
      return error;
    }

    /** Moves what is left of message 0 to a file, and expects exactly the part from `offset` on. */
    async function expectRest(receiver: Receiver, offset: number, total: number): Promise<void> {
      const path = stage.path('rest');
      const result = await receiver.spliceTo(openFile(stage, path, 'w'));
      expectMoved(result, total - offset, 0);
      const rest = readFileSync(path);
      expect(rest.length).toBe(total - offset);
      expect(findMismatch(rest, 0, offset)).toBe(-1);
    }

    test('a closed descriptor is EBADF, and the message stays', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(5000);
      for (const destination of [1_000_000, { fd: 1_000_000 }]) {
        const error = await expectErrno(() => receiver.spliceTo(destination), 'EBADF');
        expect(error.bytesTransferred).toBe(0);
      }
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 5000 });
    });

    test('a closed descriptor is EBADF for a message without bytes, too', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(0, 7);
      await expectErrno(() => receiver.spliceTo(1_000_000), 'EBADF');
      expectReceived(await receiveChecked(receiver, 2), { messages: 2, bytes: 7 });
    });

    test('a FileHandle that was closed is said to be closed', async () => {
      const { sender, receiver } = await stage.incoming();
      await sender.send(7);
      const handle = await open('/dev/null', 'w');
      await handle.close();
      const error = await expectFailure(() => receiver.spliceTo(handle), 'INVALID_ARGUMENT');
      expect(error.message).toContain('this one is closed');
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 7 });
    });

    test('a descriptor for reading is EBADF, and the message stays', async () => {
      const { sender, receiver } = await stage.incoming();
      const path = stage.path('file');
      openFile(stage, path, 'w');
      const readable = openFile(stage, path, 'r');
      await sender.send(5000, 100);
      await expectErrno(() => receiver.spliceTo(readable), 'EBADF');
      expectReceived(await receiveChecked(receiver, 2), { messages: 2, bytes: 5100 });
    });

    test('a full device is ENOSPC, and the whole message goes elsewhere', async () => {
      const { sender, receiver } = await stage.incoming();
      const sent = sender.send(3 * MIB, 10);
      const full = openFile(stage, '/dev/full', 'w');
      const error = await expectErrno(() => receiver.spliceTo(full), 'ENOSPC');
      expect(error.bytesTransferred).toBe(0);
      await expectErrno(() => receiver.spliceTo(full), 'ENOSPC');
      await expectRest(receiver, 0, 3 * MIB);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 1 });
      await sent;
    });

    test.runIf(canMountTmpfs())(
      'a disk that fills up half-way is ENOSPC, and the rest goes elsewhere (needs root)',
      async () => {
        const folder = stage.path('disk');
        mkdirSync(folder);
        mountTmpfs(folder, MIB);
        stage.defer(() => unmount(folder));
        const path = join(folder, 'file');
        const fd = openFile(stage, path, 'w');
        const { sender, receiver } = await stage.incoming();
        const sent = sender.send(4 * MIB, 10);
        const error = await expectErrno(() => receiver.spliceTo(fd), 'ENOSPC');
        const moved = error.bytesTransferred as number;
        expect(moved).toBeGreaterThan(0);
        expect(readFileSync(path).equals(patterned(4 * MIB, 0).subarray(0, moved))).toBe(true);
        await expectRest(receiver, moved, 4 * MIB);
        expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 1 });
        await sent;
      },
    );

    test('a pipe that nobody can read is EPIPE, and the rest goes elsewhere', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      const sent = sender.send(4 * MIB, 10);
      const failing = expectErrno(() => receiver.spliceTo(fifo.fd), 'EPIPE');
      const start = await fifo.farEnd().read(150_000);
      expect(findMismatch(start, 0)).toBe(-1);
      fifo.closeFarEnd();
      const moved = (await failing).bytesTransferred as number;
      expect(moved).toBeGreaterThanOrEqual(150_000);
      expect(moved).toBeLessThan(4 * MIB);
      await expectRest(receiver, moved, 4 * MIB);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 1 });
      await sent;
    });

    test('after a failure half-way, receive delivers the rest with its offset', async () => {
      const { sender, receiver } = await stage.incoming();
      // A transport may know the place of a message by then.
      const before = sender.send(4 * MIB, 4 * MIB);
      expectReceived(await receiveChecked(receiver, 2), { messages: 2, first: 0 });
      await before;
      await sender.flush();
      const fifo = openFifo(stage);
      const sent = sender.send(4 * MIB, 10);
      const failing = expectErrno(() => receiver.spliceTo(fifo.fd), 'EPIPE');
      await fifo.farEnd().read(150_000);
      fifo.closeFarEnd();
      const moved = (await failing).bytesTransferred as number;
      expect(moved).toBeGreaterThanOrEqual(150_000); // That has arrived.
      const delivery = await receiveOne(receiver);
      const { sequence, offset, byteLength } = delivery;
      expect([sequence, offset, byteLength]).toEqual([2, moved, 4 * MIB - moved]);
      expectIntact(delivery);
      delivery.release();
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 3 });
      await sent;
      await sender.flush();
      // The next one in its place has not been moved at all.
      const next = sender.send(4 * MIB);
      const whole = await receiveOne(receiver);
      expect([whole.sequence, whole.offset, delivery.offset]).toEqual([4, 0, moved]);
      expectIntact(whole);
      whole.release();
      await next;
      await sender.flush();
      expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
    });

    test.each(['an abort', 'a time limit'])(
      '%s half-way leaves the rest, and nothing is lost or doubled',
      async (what) => {
        const { sender, receiver } = await stage.incoming();
        const fifo = openFifo(stage);
        const sent = sender.send(4 * MIB, 10);
        const controller = new AbortController();
        const limit = what === 'an abort' ? { signal: controller.signal } : { timeout: 100 };
        let isHalfWay = false;
        const move = async (): Promise<void> => {
          // A limit may also be over before anything of the message is here.
          do {
            await expectFailure(() => receiver.spliceTo(fifo.fd, limit), 'ABORTED', 'TIMEOUT');
          } while (!isHalfWay);
        };
        const moving = observe(move());
        const start = await fifo.farEnd().read(100_000);
        isHalfWay = true;
        controller.abort();
        await moving.promise;
        fifo.closeNearEnd();
        const moved = Buffer.concat([start, await fifo.farEnd().read()]);
        expect(findMismatch(moved, 0)).toBe(-1);
        expect(moved.length).toBeGreaterThanOrEqual(100_000);
        await expectRest(receiver, moved.length, 4 * MIB);
        expectReceived(await receiveChecked(receiver, 1), { messages: 1, first: 1 });
        await sent;
      },
    );

    test('a message may go to its destination in many interrupted steps', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      const total = 2 * MIB + 12_345;
      const sent = sender.send(total);
      const arrived = fifo.farEnd().read(total);
      let steps = 0;
      const stillOn = stage.watch();
      for (;;) {
        stillOn();
        const controller = new AbortController();
        const step = receiver.spliceTo(fifo.fd, { signal: controller.signal });
        step.catch(() => {});
        await turns(1);
        controller.abort();
        const result = await step.catch((error) => error as PageferryError);
        if (!(result instanceof Error)) break;
        expect(result.code).toBe('ABORTED');
        // A step moves something unless the pipe is full, which it is not for long.
        expect(++steps).toBeLessThan(10_000);
      }
      expect(findMismatch(await arrived, 0), `after ${steps} interruptions`).toBe(-1);
      await sent;
    });

    test('close ends a spliceTo that is stuck', async () => {
      const { sender, receiver } = await stage.incoming();
      const fifo = openFifo(stage);
      void sender.send(4 * MIB).catch(() => {});
      const moving = observe(receiver.spliceTo(fifo.fd));
      await fifo.farEnd().read(100_000);
      const failed = expectFailure(() => moving.promise, 'CLOSED');
      await receiver.close();
      await failed;
      await sender.flush();
      expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
    });

    test.each([
      ['the last piece', 5000],
      ['some piece', 3 * MIB],
    ])(
      'close while a file takes %s waits for it, and spliceTo says CLOSED or that it is done',
      async (_, length) => {
        const { sender, receiver } = await stage.incoming();
        const path = stage.path('file');
        const file = await open(path, 'w');
        stage.defer(() => file.close());
        const sent = observe(sender.send(length));
        if (length < MIB) await sent.promise;
        const letGo = holdThreads(stage);
        const moving = receiver.spliceTo(file).catch((error: unknown) => error);
        await turns();
        const closing = receiver.close();
        await turns();
        await letGo();
        const outcome = await moving;
        await closing;
        const moved = readFileSync(path);
        expect(moved.equals(patterned(length, 0).subarray(0, moved.length))).toBe(true);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'CLOSED' });
        else expectMoved(outcome as SpliceResult, moved.length, 0);
        await sender.flush();
        expect(await sender.stats()).toMatchObject({ bytesOut: 0 });
      },
    );

    test('an abort before a message came loses nothing', async () => {
      const { sender, receiver } = await stage.incoming();
      const path = stage.path('file');
      const fd = openFile(stage, path, constants.O_CREAT | constants.O_WRONLY);
      await expectFailure(() => receiver.spliceTo(fd, { timeout: 10 }), 'TIMEOUT');
      await sender.send(7000);
      expectMoved(await receiver.spliceTo(fd), 7000, 0);
      expect(readFileSync(path).equals(patterned(7000, 0))).toBe(true);
    });
  });
}
