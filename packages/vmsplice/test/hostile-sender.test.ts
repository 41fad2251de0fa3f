import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlByteLength, SENDER } from '@pageferry/connection';
import type { Receiver } from '@pageferry/core';
import { createPipe, MFD_ALLOW_SEALING, O_DIRECT } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { afterAll, describe, expect, test } from 'vitest';
import { HostileSender, type Lies } from './support/hostile-sender.js';
import { expectNothingLeft } from './support/process-state.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);
const folder = mkdtempSync(join(tmpdir(), 'pageferry-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LIMIT = { timeout: 3000 };
const MISBEHAVED = expect.objectContaining({ code: 'PEER_MISBEHAVED' });
const DIED = expect.objectContaining({ code: 'PEER_DIED' });

let count = 0;
const freshPath = (): string => join(folder, `path-${count++}`);

/** A receiver that is connected to a sender that may lie. */
async function connect(lies: Lies = {}): Promise<
  { sender: HostileSender; receiver: Receiver } & AsyncDisposable
> {
  const endpoint = freshPath();
  const sender = new HostileSender(calls, endpoint);
  try {
    const connecting = transport.createReceiver({ endpoint, ...LIMIT });
    connecting.catch(() => undefined);
    await sender.welcome(lies);
    const receiver = await connecting;
    return {
      sender,
      receiver,
      async [Symbol.asyncDispose]() {
        await receiver.close();
        sender[Symbol.dispose]();
      },
    };
  } catch (error) {
    sender[Symbol.dispose]();
    throw error;
  }
}

/** Passes a descriptor that is closed again at once. */
async function connectWith(fd: number, lies: (fd: number) => Lies): Promise<never> {
  try {
    const connected = await connect(lies(fd));
    await connected[Symbol.asyncDispose]();
  } finally {
    calls.close(fd);
  }
  throw new Error('the receiver has accepted this');
}

function regularFile(byteLength: number): number {
  const path = freshPath();
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  return openSync(path, 'r+');
}

describe('a receiver refuses a sender that passes', () => {
  expectNothingLeft();
  const byteLength = controlByteLength(8);

  test('control memory that is not sealed', async () => {
    const fd = calls.memfdCreate('pageferry-control', MFD_ALLOW_SEALING);
    calls.ftruncate(fd, byteLength);
    await expect(connectWith(fd, (memory) => ({ instead: { memory } }))).rejects.toThrow(MISBEHAVED);
  });

  test('a regular file as control memory', async () => {
    const fd = regularFile(byteLength);
    await expect(connectWith(fd, (memory) => ({ instead: { memory } }))).rejects.toThrow(MISBEHAVED);
  });

  test.each([0, 1, 2, 3])('only %i descriptors', async (only) => {
    await expect(connect({ only })).rejects.toThrow(MISBEHAVED);
  });

  test('a socket, an eventfd or a file where the pipe should be', async () => {
    for (const fd of [calls.socket(1, 1, 0), calls.eventfd(1, 0), regularFile(4096)]) {
      await expect(connectWith(fd, (pipe) => ({ instead: { pipe } }))).rejects.toThrow(MISBEHAVED);
    }
  });

  test('the write end of a pipe', async () => {
    const { readEnd, writeEnd } = createPipe(calls);
    const fd = writeEnd.release();
    await expect(connectWith(fd, (pipe) => ({ instead: { pipe } }))).rejects.toThrow(MISBEHAVED);
    readEnd.close();
  });

  test.each(['senderBell', 'receiverBell'] as const)('a file as the %s', async (bell) => {
    const fd = regularFile(8);
    await expect(connectWith(fd, () => ({ instead: { [bell]: fd } }))).rejects.toThrow(MISBEHAVED);
  });
});

describe('a receiver whose sender', () => {
  expectNothingLeft();

  test('is honest gets its messages', async () => {
    await using pair = await connect();
    for (const length of [1, 0, 5000, 4096]) {
      pair.sender.sendHonestly(length);
      using delivery = await pair.receiver.receive(LIMIT);
      expect(delivery?.bytes.length).toBe(length);
    }
  });

  test('passes more descriptors than it should closes them', async () => {
    const fd = calls.eventfd(0, 0);
    await using pair = await connect({ extra: [fd, fd, fd] });
    calls.close(fd);
    pair.sender.sendHonestly(1);
    (await pair.receiver.receive(LIMIT))?.release();
  });

  test.each([9, -1, 0x7fffffff, -0x80000000])(
    'claims to have announced %i messages learns so, again and again',
    async (announced) => {
      await using pair = await connect();
      pair.sender.claimAnnounced(announced);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
      await expect(pair.receiver.spliceTo(1, LIMIT)).rejects.toThrow(MISBEHAVED);
      expect(() => pair.receiver.tryReceive()).toThrow(MISBEHAVED);
    },
  );

  test.each([2 ** 40, 2 ** 32, 2 ** 63, 2 ** 32 - 1])(
    'announces a message of %i bytes learns so',
    async (byteLength) => {
      await using pair = await connect();
      pair.sender.announce(byteLength);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    },
  );

  test.each([0, 2, -1])('gives sequence number %i to its second message learns so', async (wrong) => {
    await using pair = await connect();
    pair.sender.announce(0, 0);
    pair.sender.announce(0, wrong);
    (await pair.receiver.receive(LIMIT))?.release();
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
  });

  test('claims fewer bytes than it has put in waits, and can be aborted', async () => {
    await using pair = await connect();
    pair.sender.announce(100);
    pair.sender.put(100);
    Atomics.store(pair.sender.words, SENDER.bytesProduced, -100_000);
    const timeout = 20;
    await expect(pair.receiver.receive({ timeout })).rejects.toThrow(
      expect.objectContaining({ code: 'TIMEOUT' }),
    );
    pair.sender.hangUp();
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(DIED);
  });

  test('closes the pipe in the middle of a message learns of its end', async () => {
    await using pair = await connect();
    pair.sender.announce(8192);
    pair.sender.put(4096);
    pair.sender.claim(8192);
    pair.sender.closePipe();
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(DIED);
  });

  test('rings without end still has its turns of the event loop', async () => {
    const { readEnd, writeEnd } = createPipe(calls);
    writeEnd.close(); // Ready to be read for ever.
    await using pair = await connect({ instead: { receiverBell: readEnd.fd } });
    readEnd.close();
    const waiting = pair.receiver.receive(LIMIT);
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 1));
    pair.sender.sendHonestly(3);
    expect((await waiting)?.bytes.length).toBe(3);
  });
});

describe('a receiver whose sender announces bytes that are not in the pipe learns so', () => {
  expectNothingLeft();

  /** Announces 8192 bytes of which only some are there. */
  function lie(sender: HostileSender, there: number): void {
    sender.announce(8192);
    if (there > 0) sender.put(there);
    sender.claim(8192);
  }

  describe.each([0, 1, 4096])('where %i of 8192 are there', (there) => {
    test('when it receives', async () => {
      await using pair = await connect();
      lie(pair.sender, there);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    });

    test.each([
      ['a file', () => openSync(freshPath(), 'w')],
      ['a file for direct I/O', () => calls.duplicate(openDirect(), 0)],
      ['/dev/null', () => openSync('/dev/null', 'w')],
      ['a pipe', () => somePipe()],
    ])('when it splices to %s', async (_, open) => {
      await using pair = await connect();
      const fd = open();
      lie(pair.sender, there);
      await expect(pair.receiver.spliceTo(fd, LIMIT)).rejects.toThrow(MISBEHAVED);
      close(fd);
    });

    test('when it splices and tees', async () => {
      await using pair = await connect();
      const { readEnd, writeEnd } = createPipe(calls);
      const fd = openSync('/dev/null', 'w');
      lie(pair.sender, there);
      const splicing = pair.receiver.spliceTo(fd, { tee: writeEnd.fd, ...LIMIT });
      await expect(splicing).rejects.toThrow(MISBEHAVED);
      closeSync(fd);
      readEnd.close();
      writeEnd.close();
    });
  });

  const opened: number[] = [];
  const openDirect = (): number => {
    const fd = openSync(freshPath(), O_DIRECT | 0o102, 0o600);
    opened.push(fd);
    return fd;
  };
  const somePipe = (): number => {
    const { readEnd, writeEnd } = createPipe(calls);
    opened.push(readEnd.release());
    return writeEnd.release();
  };
  const close = (fd: number): void => {
    for (const other of [fd, ...opened.splice(0)]) calls.close(other);
  };

  test('when part of a block is there for a file with direct I/O, and the sender dies', async () => {
    await using pair = await connect();
    const fd = openDirect();
    pair.sender.announce(8192);
    pair.sender.put(100);
    pair.sender.claim(100);
    const splicing = pair.receiver.spliceTo(fd, LIMIT);
    splicing.catch(() => undefined);
    await new Promise(setImmediate);
    pair.sender.hangUp();
    await expect(splicing).rejects.toThrow(DIED);
    opened.splice(0);
    calls.close(fd);
  });
});
