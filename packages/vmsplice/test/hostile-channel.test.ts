import { constants, openSync, truncateSync, writeFileSync } from 'node:fs';
import { controlByteLength } from '@pageferry/connection';
import type { Channel } from '@pageferry/core';
import { createMemoryFile, createPipe, EPERM, O_NONBLOCK } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { FALSE_BELLS } from '@pageferry/testkit/false-bells';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { HostileCaller, HostileListener, type Lies } from './support/hostile-channel.js';
import { callsWith } from './support/pair.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);
const folder = temporaryFolder();
const LIMIT = { timeout: 5000 };
const MISBEHAVED = withCode('PEER_MISBEHAVED');

interface Pair extends AsyncDisposable {
  readonly listener: HostileListener;
  readonly channel: Channel;
}

/** Has a channel be opened to a listener that may lie from the start. */
async function connectTo(lies: Lies = {}, over = transport): Promise<Pair> {
  const endpoint = folder.fresh();
  const listener = new HostileListener(calls, endpoint);
  try {
    const connecting = over.connect({ endpoint, ...LIMIT });
    connecting.catch(() => undefined);
    await listener.welcome(lies);
    const channel = await connecting;
    return {
      listener,
      channel,
      async [Symbol.asyncDispose]() {
        await channel.destroy();
        listener[Symbol.dispose]();
      },
    };
  } catch (error) {
    listener[Symbol.dispose]();
    throw error;
  }
}

function regularFile(byteLength: number): number {
  const path = folder.fresh('file');
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  return openSync(path, 'r+');
}

/** A pipe of which both ends may be used. */
function bothEnds(): number {
  const { readEnd, writeEnd } = createPipe(calls);
  const both = openSync(`/proc/self/fd/${readEnd.fd}`, constants.O_RDWR | constants.O_NONBLOCK);
  readEnd.close();
  writeEnd.close();
  return both;
}

/** One end of a pipe; the other one is closed. */
function oneEnd(which: 'readEnd' | 'writeEnd'): number {
  const pipe = createPipe(calls);
  const fd = pipe[which].release();
  pipe.readEnd.close();
  pipe.writeEnd.close();
  return fd;
}

const NO_PIPES: Readonly<Record<string, () => number>> = {
  'a socket': () => calls.socket(1, 1, 0),
  'an eventfd': () => calls.eventfd(1, 0),
  'a file': () => regularFile(4096),
  'both ends at once': bothEnds,
};

describe('who connects refuses a listener that passes', () => {
  expectNothingLeft();

  async function expectRefusal(fd: number, lies: (fd: number) => Lies): Promise<void> {
    try {
      await expect(connectTo(lies(fd))).rejects.toThrow(MISBEHAVED);
    } finally {
      calls.close(fd);
    }
  }

  test('control memory that is not sealed', async () => {
    const fd = createMemoryFile(calls, 'pageferry-control').release();
    calls.ftruncate(fd, 2 * controlByteLength(8));
    await expectRefusal(fd, (memory) => ({ instead: { memory } }));
  });

  test.each([0, 1, 2, 3, 4])('only %i descriptors', async (only) => {
    await expect(connectTo({ only })).rejects.toThrow(MISBEHAVED);
  });

  test('more descriptors than there should be', async () => {
    await expectRefusal(calls.eventfd(0, 0), (extra) => ({ extra: [extra] }));
  });

  describe.each(['readEnd', 'writeEnd'] as const)('as the %s', (part) => {
    test.each(Object.entries(NO_PIPES))('%s', async (_, open) => {
      await expectRefusal(open(), (fd) => ({ instead: { [part]: fd } }));
    });

    test('the other end of a pipe', async () => {
      const other = part === 'readEnd' ? 'writeEnd' : 'readEnd';
      await expectRefusal(oneEnd(other), (fd) => ({ instead: { [part]: fd } }));
    });
  });

  describe.each(['listenersBell', 'peersBell'] as const)('as the %s', (bell) => {
    test.each(Object.entries(FALSE_BELLS))('%s', async (_, open) => {
      await expectRefusal(open(calls), (fd) => ({ instead: { [bell]: fd } }));
    });
  });
});

describe('who connects is not blocked by a listener', () => {
  expectNothingLeft();

  // Where vmsplice is refused, write(2) takes its place, which has no flag against blocking.
  const writing = createVmspliceTransport('test', () => callsWith({ vmsplice: () => -EPERM }));

  test.each([
    ['that passes pipes which block', 0],
    ['that makes its pipes block later on', O_NONBLOCK],
  ])('%s', async (_, flags) => {
    const ends = new Int32Array(4);
    calls.pipe2(ends.subarray(0, 2), flags);
    calls.pipe2(ends.subarray(2, 4), flags);
    const [readEnd, itsWriteEnd, itsReadEnd, writeEnd] = ends as unknown as [
      number,
      number,
      number,
      number,
    ];
    {
      await using pair = await connectTo({ instead: { readEnd, writeEnd } }, writing);
      const { channel, listener } = pair;
      calls.setStatusFlags(writeEnd, O_NONBLOCK);
      while (calls.write(writeEnd, new Uint8Array(4096), 0, 4096) > 0);
      calls.setStatusFlags(readEnd, 0);
      calls.setStatusFlags(writeEnd, 0);
      // It is full already, and not as far as the other side knows: the test would stand still here.
      await expect(channel.send(new Uint8Array(5000), { timeout: 50 })).rejects.toThrow(
        withCode('TIMEOUT'),
      );
      listener.claim(5000);
      await expect(channel.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    }
    for (const fd of [readEnd, itsWriteEnd, itsReadEnd, writeEnd]) calls.close(fd);
  });
});

describe('a side that lies', () => {
  expectNothingLeft();

  test('about what it gives back is cut off, and the other one told why', async () => {
    await using pair = await connectTo();
    const { listener, channel } = pair;
    const receiving = channel.receive();
    receiving.catch(() => undefined);
    const asking = channel.request(Buffer.from('question'));
    asking.catch(() => undefined);
    while (listener.deliveries === 0) await new Promise(setImmediate);
    listener.giveBack(7);
    // Looks what has come back. Nobody rings.
    await channel.flush(LIMIT);
    await expect(receiving).rejects.toThrow(MISBEHAVED);
    await expect(asking).rejects.toThrow(MISBEHAVED);
    expect(await channel.send(Buffer.from('more'), LIMIT)).toBe('no-receiver');
    expect(channel.stats().bytesOut).toBe(0);
    expect(listener.isCutOff).toBe(true);
  });

  test('about what is in its pipe is found out', async () => {
    await using pair = await connectTo();
    pair.listener.claim(4096);
    await expect(pair.channel.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
  });

  test('loses its own channel alone, and the listener is told why', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint });
    using liar = await HostileCaller.connect(calls, endpoint);
    await using lies = await listener.accept(LIMIT);
    await using honest = await transport.connect({ endpoint, ...LIMIT });
    const other = await listener.accept(LIMIT);
    const left: unknown[] = [];
    listener.on('leave', (channel, reason) => left.push(channel, reason));
    const receiving = listener.receive();
    await lies.send(Buffer.from('for the liar'), LIMIT);
    liar.giveBack(5);
    // Looks what has come back. Nobody rings.
    lies.stats();
    while (left.length === 0) await new Promise(setImmediate);
    expect(left).toEqual([lies, MISBEHAVED]);
    await honest.send(Buffer.from('honest'), LIMIT);
    using message = await receiving;
    expect([message?.channel, message?.copy().toString()]).toEqual([other, 'honest']);
    expect(other.stats().bytesOut).toBe(0);
  });

  test('that closes its pipes, and lives, counts as gone', async () => {
    const endpoint = folder.fresh();
    await using listener = await transport.listen({ endpoint });
    using caller = await HostileCaller.connect(calls, endpoint);
    await using channel = await listener.accept(LIMIT);
    const receiving = channel.receive();
    receiving.catch(() => undefined);
    caller.closePipes();
    await channel.send(Buffer.from('to nobody'), LIMIT);
    expect(await channel.send(Buffer.from('to nobody'), LIMIT)).toBe('no-receiver');
    await expect(receiving).rejects.toThrow(withCode('PEER_DIED'));
    expect(caller.isCutOff).toBe(true);
  });
});
