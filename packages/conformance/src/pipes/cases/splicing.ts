import { once } from 'node:events';
import { constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { PipeReader, SpliceDestination } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import {
  canMountTmpfs,
  canOpenDirectly,
  mountTmpfs,
  unmount,
} from '../../transport/harness/probes.js';
import { turns } from '../../transport/harness/settling.js';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, KIB, LIMIT, MIB, sha256, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** What a program writes goes on to a file, a socket, another program. */
export function describeSplicing(subject: PipeProgramsRegistration): void {
  describe('spliceTo', () => {
    const ground = useGround(subject);
    const BYTES = patterned(3 * MIB + 1234, 6);

    /** A program that writes {@link BYTES}. */
    async function writing(): Promise<PipeReader> {
      const path = ground.path();
      writeFileSync(path, BYTES);
      return (await ground.spawn('cat', [path], { stdin: 'ignore' })).stdout;
    }

    /** Moves all that there is; returns the methods that were used. */
    async function moveAll(
      reader: PipeReader,
      destination: SpliceDestination,
      options: { tee?: SpliceDestination; maxBytes?: number } = {},
    ): Promise<ReadonlySet<string>> {
      const methods = new Set<string>();
      for (;;) {
        const moved = await reader.spliceTo(destination, { ...options, ...LIMIT });
        if (moved === undefined) break;
        expect(moved.byteLength).toBeGreaterThan(0);
        expect(moved.byteLength).toBeLessThanOrEqual(options.maxBytes ?? Number.POSITIVE_INFINITY);
        expect(moved.userSpaceCopies).toBe(moved.method === 'splice' ? 0 : 2);
        methods.add(moved.method);
      }
      expect(reader.ended).toBe(true);
      return methods;
    }

    test('moves references on to another program', async () => {
      const reader = await writing();
      const { readEnd, writeEnd } = ground.pipe();
      const { stdout } = await ground.spawn('cat', [], { stdin: readEnd });
      readEnd.close();
      const arrived = digestOf(stdout);
      expect(await moveAll(reader, writeEnd)).toEqual(new Set(['splice']));
      writeEnd.close();
      expect((await arrived).digest).toBe(sha256(BYTES));
    });

    test.each([
      ['a file', 'w'],
      ['a file that is appended to', 'a'],
    ])('writes to %s, behind what is there', async (_what, flags) => {
      const reader = await writing();
      const path = ground.path();
      const file = await ground.file(path, flags);
      await file.writeFile('before');
      expect(await moveAll(reader, file)).toEqual(new Set(['read-write']));
      expect(sha256(readFileSync(path))).toBe(sha256(Buffer.from('before'), BYTES));
    });

    test.runIf(canOpenDirectly())(
      'writes to a file past the page cache (needs O_DIRECT)',
      async () => {
        const reader = await writing();
        const path = ground.path();
        const { O_CREAT, O_WRONLY, O_DIRECT } = constants;
        const file = await ground.file(path, O_CREAT | O_WRONLY | O_DIRECT);
        await moveAll(reader, file);
        expect(sha256(readFileSync(path))).toBe(sha256(BYTES));
      },
    );

    test('moves references on to a socket', async () => {
      const server = createServer({ pauseOnConnect: true });
      ground.defer(() => server.close());
      await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening');
      const accepted = once(server, 'connection');
      const near = connect((server.address() as { port: number }).port, '127.0.0.1');
      ground.defer(() => near.destroy());
      const [far] = (await accepted) as [Socket];
      ground.defer(() => far.destroy());
      const { fd } = (near as unknown as { readonly _handle: { readonly fd: number } })._handle;
      const reader = await writing();
      far.setEncoding('latin1');
      const arrived = text(far);
      expect(await moveAll(reader, fd)).toEqual(new Set(['splice']));
      near.end();
      expect(sha256(Buffer.from(await arrived, 'latin1'))).toBe(sha256(BYTES));
    });

    test('moves no more than was asked for', async () => {
      const reader = await writing();
      const path = ground.path();
      const file = await ground.file(path, 'w');
      const pipe = ground.pipe();
      const { stdout } = await ground.spawn('cat', [], { stdin: pipe.readEnd });
      pipe.readEnd.close();
      const first = await reader.spliceTo(file, { maxBytes: 1000, ...LIMIT });
      expect(first?.byteLength).toBe(1000);
      const second = await reader.spliceTo(pipe.writeEnd, { maxBytes: 1001, ...LIMIT });
      expect(second?.byteLength).toBe(1001);
      pipe.writeEnd.close();
      await moveAll(reader, file, { maxBytes: 70_000 });
      const middle = BYTES.subarray(1000, 2001);
      expect((await digestOf(stdout)).digest).toBe(sha256(middle));
      expect(sha256(readFileSync(path))).toBe(
        sha256(BYTES.subarray(0, 1000), BYTES.subarray(2001)),
      );
      expect(reader.stats().bytesRead).toBe(BYTES.length);
    });

    test.each(['a pipe', 'a file'])('gives a second pipe the same bytes as %s', async (what) => {
      const reader = await writing();
      const [next, second] = [ground.pipe(), ground.pipe()];
      const path = ground.path();
      const toFile = await ground.file(path, 'w');
      const one = await ground.spawn('sha256sum', [], { stdin: next.readEnd });
      const two = await ground.spawn('cat', [], { stdin: second.readEnd });
      next.readEnd.close();
      second.readEnd.close();
      const arrived = digestOf(two.stdout);
      const destination = what === 'a pipe' ? next.writeEnd : toFile;
      await moveAll(reader, destination, { tee: second.writeEnd, maxBytes: 100_000 });
      second.writeEnd.close();
      next.writeEnd.close();
      expect((await arrived).digest).toBe(sha256(BYTES));
      const digest = what === 'a pipe' ? await firstWord(one.stdout) : sha256(readFileSync(path));
      expect(digest).toBe(sha256(BYTES));
    });

    async function firstWord(reader: PipeReader): Promise<string> {
      const chunk = await reader.read(LIMIT);
      return chunk?.copy().toString().split(' ')[0] ?? '';
    }

    test('keeps what a full device has not taken, for a file or for a read', async () => {
      const reader = await writing();
      const full = await ground.file('/dev/full', 'w');
      const path = ground.path();
      const file = await ground.file(path, 'a');
      const fail = () => reader.spliceTo(full, LIMIT);
      const refused = { errnoName: 'ENOSPC', bytesTransferred: 0 };
      expect(await expectFailure(fail, 'SYSTEM_CALL_FAILED')).toMatchObject(refused);
      await reader.spliceTo(file, { maxBytes: 10, ...LIMIT });
      expect(await expectFailure(fail, 'SYSTEM_CALL_FAILED')).toMatchObject(refused);
      const chunk = await reader.read({ maxBytes: 9, ...LIMIT });
      expect(chunk?.offset).toBe(10);
      expect(chunk?.byteLength).toBe(9);
      await file.appendFile(chunk?.bytes ?? '');
      chunk?.release();
      expect(await expectFailure(fail, 'SYSTEM_CALL_FAILED')).toMatchObject(refused);
      await moveAll(reader, file);
      expect(sha256(readFileSync(path))).toBe(sha256(BYTES));
    });

    test('waits for no pipe that blocks: it can be given up, with what is left', async () => {
      const reader = await writing();
      const full = await ground.file('/dev/full', 'w');
      await expectFailure(() => reader.spliceTo(full, LIMIT), 'SYSTEM_CALL_FAILED');
      // What is left of that can only be written. There is room for less in this pipe.
      const { readEnd, writeEnd } = ground.pipe();
      const filler = await ground.writer({ pipe: writeEnd });
      const filling = await filler.loan(3 * MIB, LIMIT);
      filling.bytes.fill(0);
      expect(filling.trySend()).toBe('sent');
      let before = 0;
      // Until nothing more goes in, turn after turn.
      for (let still = 0; still < 10; still++) {
        await turns(1);
        const { bytesWritten } = filler.stats();
        if (bytesWritten > before) still = 0;
        before = bytesWritten;
      }
      await filler.destroy();
      const other = await ground.reader({ pipe: readEnd });
      const first = await other.read({ maxBytes: 16 * KIB, ...LIMIT });
      before -= first?.byteLength ?? 0;
      first?.release();
      const start = reader.stats().bytesRead;
      await expectFailure(() => reader.spliceTo(writeEnd, { timeout: 50 }), 'TIMEOUT');
      const moved = reader.stats().bytesRead - start;
      expect(moved).toBeGreaterThan(0);
      const path = ground.path();
      await moveAll(reader, await ground.file(path, 'w'));
      writeEnd.close();
      const parts: Buffer[] = [];
      for await (using chunk of other) parts.push(chunk.copy());
      const arrived = Buffer.concat(parts).subarray(before);
      expect(arrived.length).toBe(moved);
      expect(sha256(arrived, readFileSync(path))).toBe(sha256(BYTES));
    });

    test('gives a second pipe nothing twice when the first has failed', async () => {
      const reader = await writing();
      const [broken, second] = [ground.pipe(), ground.pipe()];
      broken.readEnd.close();
      const full = await ground.file('/dev/full', 'w');
      const path = ground.path();
      const file = await ground.file(path, 'w');
      const { stdout } = await ground.spawn('cat', [], { stdin: second.readEnd });
      second.readEnd.close();
      const arrived = digestOf(stdout);
      const tee = second.writeEnd;
      for (const [destination, errnoName] of [
        [broken.writeEnd, 'EPIPE'],
        [full, 'ENOSPC'],
      ] as const) {
        const error = await expectFailure(
          () => reader.spliceTo(destination, { tee, ...LIMIT }),
          'SYSTEM_CALL_FAILED',
        );
        expect(error).toMatchObject({ errnoName, bytesTransferred: 0 });
        await reader.spliceTo(file, { tee, maxBytes: 50_000, ...LIMIT });
      }
      await moveAll(reader, file, { tee });
      tee.close();
      expect((await arrived).digest).toBe(sha256(BYTES));
      expect(sha256(readFileSync(path))).toBe(sha256(BYTES));
    });

    test.runIf(canMountTmpfs())(
      'goes on where a disk was full, with what the error says (needs root)',
      async () => {
        const folder = ground.path();
        mkdirSync(folder);
        mountTmpfs(folder, 64 * KIB);
        ground.defer(() => unmount(folder));
        const reader = await writing();
        const small = await ground.file(`${folder}/small`, 'w');
        let moved = 0;
        const error = await expectFailure(async () => {
          for (;;) moved += (await reader.spliceTo(small, LIMIT))?.byteLength ?? 0;
        }, 'SYSTEM_CALL_FAILED');
        expect(error).toMatchObject({ errnoName: 'ENOSPC' });
        moved += error.bytesTransferred ?? 0;
        expect(reader.stats().bytesRead).toBe(moved);
        const path = ground.path();
        await moveAll(reader, await ground.file(path, 'w'));
        const parts = [readFileSync(`${folder}/small`), readFileSync(path)];
        expect(parts[0]?.length).toBe(moved);
        expect(sha256(...parts)).toBe(sha256(BYTES));
        await small.close();
      },
    );

    test('a program whose disk is full ends the write of who feeds it', async () => {
      const { stdin, stdout, exited } = await ground.spawn('dd', ['of=/dev/full', 'bs=4096'], {
        stderr: 'ignore',
      });
      expect(await stdin.write(BYTES, LIMIT)).toBe('no-receiver');
      expect(await stdout.read(LIMIT)).toBeUndefined();
      expect((await exited).code).toBe(1);
    });
  });
}
