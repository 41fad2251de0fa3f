import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { type Place, usePlace } from './support/place.js';

const MIB = 1024 * 1024;
const place = usePlace();

/** A pipe: `fd` to write to, and what is read from its other end once `fd` is closed. */
function openPipe(at: Place, flags: number): { fd: number; read(): Promise<Buffer> } {
  const path = at.path('fifo');
  execFileSync('mkfifo', [path]);
  const farEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | flags);
  let open = true;
  at.defer(() => {
    if (open) closeSync(fd);
  });
  const read = async (): Promise<Buffer> => {
    closeSync(fd);
    open = false;
    const pieces: Buffer[] = [];
    const piece = Buffer.alloc(65_536);
    for (;;) {
      try {
        const length = readSync(farEnd, piece);
        if (length === 0) break;
        pieces.push(Buffer.from(piece.subarray(0, length)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    closeSync(farEnd);
    return Buffer.concat(pieces);
  };
  return { fd, read };
}

async function startPair() {
  const endpoint = place().path();
  const sender = place().own(await socketTransport.createSender({ endpoint }));
  const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
  await sender.waitForReceivers();
  return { sender, receiver };
}

function patterned(byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  for (let offset = 0; offset + 4 <= byteLength; offset += 4) bytes.writeUInt32LE(offset, offset);
  return bytes;
}

describe.skipIf(process.platform !== 'linux')('spliceTo', () => {
  test('a large message never lies in memory whole', async () => {
    const { sender, receiver } = await startPair();
    const path = place().path('file');
    const fd = openSync(path, 'w');
    place().defer(() => closeSync(fd));
    const bytes = patterned(48 * MIB);
    const loan = await sender.loan(bytes.length);
    loan.bytes.set(bytes);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    });
    const [, result] = await Promise.all([loan.send(), receiver.spliceTo(fd)]);
    clearInterval(watch);
    expect(result).toEqual({
      byteLength: bytes.length,
      sequence: 0,
      tag: 0,
      method: 'read-write',
      userSpaceCopies: 2,
    });
    expect(most).toBeLessThan(24 * MIB);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test('a full pipe that blocks does not keep an abort waiting, and nothing is doubled', async () => {
    const { sender, receiver } = await startPair();
    const pipe = openPipe(place(), 0);
    const bytes = patterned(3 * MIB);
    const sending = sender.send(bytes);
    const controller = new AbortController();
    const moving = receiver.spliceTo(pipe.fd, { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(moving).rejects.toMatchObject({ code: 'ABORTED' });
    // The write that is stuck still owns its bytes: the message is not to be had until it ends.
    const rest = receiver.receive();
    const start = await pipe.read();
    const delivery = await rest;
    expect(delivery?.offset).toBe(start.length);
    expect(Buffer.concat([start, delivery?.bytes ?? Buffer.alloc(0)]).equals(bytes)).toBe(true);
    expect(await sending).toBe('sent');
  });

  test('a non-blocking pipe is waited for while it is full', async () => {
    const { sender, receiver } = await startPair();
    const pipe = openPipe(place(), constants.O_NONBLOCK);
    const bytes = patterned(MIB);
    const sending = sender.send(bytes);
    const full = receiver.spliceTo(pipe.fd, { timeout: 50 });
    await expect(full).rejects.toMatchObject({ code: 'TIMEOUT' });
    const start = await pipe.read();
    expect(start.length).toBeGreaterThan(0);
    const delivery = await receiver.receive();
    expect(delivery?.offset).toBe(start.length);
    expect(Buffer.concat([start, delivery?.bytes ?? Buffer.alloc(0)]).equals(bytes)).toBe(true);
    expect(await sending).toBe('sent');
  });
});
