import { readSync } from 'node:fs';
import type { Channel, Listener, Transport } from '@pageferry/core';
import { createPipe, type LinuxCalls, type Pipe } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { Child } from './child.js';
import { withCode } from './errors.js';
import { exchange } from './exchange.js';
import { temporaryFolder } from './folder.js';
import { countDescriptors, expectNothingLeft } from './process-state.js';
import { turns } from './turns.js';

const PROGRAM = new URL('./programs/channel-peer.js', import.meta.url);
const LIMIT = { timeout: 15_000 };
const MIB = 1024 * 1024;

/** A transport that has channels, and where a child finds it. */
export interface ChannelFamily {
  readonly transport: Transport;
  /** The module that the child imports. */
  readonly moduleUrl: string;
  /** What of that module is the transport. */
  readonly exportName: string;
  /** The system calls that the test itself makes. */
  readonly calls: LinuxCalls;
}

/** Options of this side. */
interface SideOptions {
  readonly poolBytes?: number;
  readonly maxBorrowedBytes?: number;
}

/** A channel to a child. */
interface Opened extends AsyncDisposable {
  readonly channel: Channel;
  readonly child: Child;
}

/** Everything that a pipe holds. */
function drained({ readEnd }: Pipe, byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  return bytes.subarray(0, readSync(readEnd.fd, bytes));
}

/** Sends a message that leaves in the background, if somebody takes it. */
async function sendMoreThanAPipeTakes(channel: Channel): Promise<void> {
  const loan = await channel.loan(8 * MIB, LIMIT);
  loan.send().catch(() => undefined);
  while (loan.owned) await new Promise(setImmediate);
}

/** What holds for channels through pipes, between real processes. */
export function describePipeChannels(family: ChannelFamily): void {
  const { transport, moduleUrl, exportName, calls } = family;
  const folder = temporaryFolder();

  function startPeer(side: 'listen' | 'connect', endpoint: string, role: string): Child {
    return new Child(PROGRAM, [moduleUrl, exportName, side, endpoint, role]);
  }

  /** A child, and a channel to it: this process has one side, the child the other. */
  async function open(
    side: 'listening' | 'connecting',
    role: string,
    options: SideOptions = {},
  ): Promise<Opened> {
    const endpoint = folder.fresh();
    const child = startPeer(side === 'listening' ? 'connect' : 'listen', endpoint, role);
    let listener: Listener | undefined;
    let channel: Channel;
    if (side === 'listening') {
      listener = await transport.listen({ endpoint, ...options });
      channel = await listener.accept(LIMIT);
    } else {
      channel = await transport.connect({ endpoint, ...options, ...LIMIT });
    }
    return {
      channel,
      child,
      async [Symbol.asyncDispose]() {
        await channel.destroy();
        await listener?.destroy();
        await child[Symbol.asyncDispose]();
      },
    };
  }

  describe.each(['listening', 'connecting'] as const)('a channel, on its %s side', (side) => {
    expectNothingLeft();

    test('carries messages both ways, in order, and ends in order', async () => {
      await using opened = await open(side, 'echo');
      const { channel, child } = opened;
      expect(channel.peer?.pid).toBeTypeOf('number');
      const lengths = [0, 1, 4096, 4097, 3_000_000, 5];
      for (const [index, length] of lengths.entries()) {
        await channel.send(Buffer.alloc(length, index), { tag: index * 10, ...LIMIT });
        using back = await channel.receive(LIMIT);
        expect(back?.isRequest).toBe(false);
        expect([back?.tag, back?.sequence]).toEqual([index * 10 + 1, index]);
        expect(back?.copy().equals(Buffer.alloc(length, index))).toBe(true);
      }
      await channel.finish(LIMIT);
      expect(await channel.receive(LIMIT)).toBeUndefined();
      await channel.close(LIMIT);
      expect(await child.exit).toBe(0);
    });

    test('carries questions, and their answers in whatever order they come', async () => {
      await using opened = await open(side, 'backwards');
      const { channel, child } = opened;
      const questions = Array.from({ length: 10 }, (_, index) =>
        Buffer.alloc(index * 40_000, index),
      );
      const asked = questions.map((question) => channel.request(question, LIMIT));
      const settled: number[] = [];
      for (const [index, answer] of asked.entries()) void answer.then(() => settled.push(index));
      await asked[9];
      expect(settled).toEqual([9]);
      child.send('answer the others');
      const answers = await Promise.all(asked);
      for (const [index, answer] of answers.entries()) {
        expect(answer.copy().equals(questions[index] as Buffer)).toBe(true);
        answer.release();
      }
      expect(channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
    });

    test('that has finished is still sent to, also while nothing of what it sent was received', async () => {
      await using opened = await open(side, 'sum');
      const { channel, child } = opened;
      for (let count = 0; count < 10; count++) await channel.send(Buffer.alloc(1000), LIMIT);
      await channel.finish(LIMIT);
      child.send('receive');
      using sum = await channel.receive(LIMIT);
      expect(sum?.copy().toString()).toBe('10000');
      expect(await channel.receive(LIMIT)).toBeUndefined();
      await channel.close(LIMIT);
      expect(await child.exit).toBe(0);
    });

    test('whose peer is killed in the middle of a message tells that it has died', async () => {
      const { channel, child, ...opened } = await open(side, 'stuck', { maxBorrowedBytes: 4096 });
      try {
        // While it is held, nothing of the next message is taken.
        using small = await channel.receive(LIMIT);
        const asking = channel.request(Buffer.from('never answered'));
        asking.catch(() => undefined);
        expect(await child.message()).toBe('sending');
        while (channel.peek() === undefined) await new Promise(setImmediate);
        expect(channel.peek()?.byteLength).toBe(8 * MIB);
        await child.end('SIGKILL');
        expect(small?.copy().toString()).toBe('small');
        small?.release();
        await expect(asking).rejects.toThrow(withCode('PEER_DIED'));
        await expect(channel.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
        await expect(channel.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
        expect(await channel.send(Buffer.from('to nobody'), LIMIT)).toBe('no-receiver');
        expect(channel.stats().bytesOut).toBe(0);
      } finally {
        await opened[Symbol.asyncDispose]();
      }
    });

    test('does not stand still where both sides send more than their pools, and receive', async () => {
      await using opened = await open(side, 'flood', { poolBytes: MIB });
      const { channel, child } = opened;
      expect(await exchange(channel)).toBe(true);
      expect(await child.message()).toBe(true);
      child.send('end');
      expect(await channel.receive(LIMIT)).toBeUndefined();
    });

    test('moves a question on to a pipe, which answers it', async () => {
      await using opened = await open(side, 'asking');
      const { channel, child } = opened;
      const target = createPipe(calls);
      const moving = channel.spliceTo(target.writeEnd.fd, LIMIT);
      const pieces: Buffer[] = [];
      for (let rest = 200_000; rest > 0; ) {
        await new Promise(setImmediate);
        if (calls.poll(target.readEnd.fd, 1, 0) <= 0) continue;
        const piece = drained(target, rest);
        pieces.push(piece);
        rest -= piece.length;
      }
      expect(await moving).toMatchObject({ byteLength: 200_000, method: 'splice' });
      expect(Buffer.concat(pieces).equals(Buffer.alloc(200_000, 3))).toBe(true);
      expect(await child.message()).toBe(0);
      target.readEnd.close();
      target.writeEnd.close();
    });

    test('moves on what had come before an answer, out of memory, and to a second pipe too', async () => {
      await using opened = await open(side, 'interrupting');
      const { channel } = opened;
      (await channel.request(Buffer.from('question'), LIMIT)).release();
      const [target, second] = [createPipe(calls), createPipe(calls)];
      const moved = await channel.spliceTo(target.writeEnd.fd, {
        tee: second.writeEnd.fd,
        ...LIMIT,
      });
      expect(moved).toMatchObject({ byteLength: 5000, tag: 5, method: 'read-write' });
      for (const pipe of [target, second]) {
        expect(drained(pipe, 6000).equals(Buffer.alloc(5000, 5))).toBe(true);
      }
      const next = await channel.spliceTo(target.writeEnd.fd, LIMIT);
      expect(next).toMatchObject({ byteLength: 5000, tag: 6, method: 'read-write' });
      expect(drained(target, 6000).equals(Buffer.alloc(5000, 6))).toBe(true);
      for (const pipe of [target, second]) {
        pipe.readEnd.close();
        pipe.writeEnd.close();
      }
    });

    test('ends for both sides where finish runs out of time', async () => {
      await using opened = await open(side, 'late');
      const { channel, child } = opened;
      await sendMoreThanAPipeTakes(channel);
      await expect(channel.finish({ timeout: 1 })).rejects.toThrow(withCode('TIMEOUT'));
      expect(channel.closed).toBe(true);
      child.send('receive');
      expect(await child.message()).toBe('PEER_DIED');
    });

    test('ends in order where both sides close with more on its way than a pipe takes', async () => {
      await using opened = await open(side, 'closing');
      const { channel, child } = opened;
      await sendMoreThanAPipeTakes(channel);
      expect(await child.message()).toBe('sending');
      child.send('close');
      await channel.close(LIMIT);
      expect(await child.message()).toBe('closed');
      expect(await child.exit).toBe(0);
    });

    test('costs no more than eight descriptors', async () => {
      await using first = await open(side, 'echo');
      (await first.channel.request(Buffer.from('are you there?'), LIMIT)).release();
      const before = countDescriptors();
      await using second = await open(side, 'echo');
      (await second.channel.request(Buffer.from('are you there?'), LIMIT)).release();
      // The IPC channel to the child is one, and an endpoint with its watcher are four.
      const besides = side === 'listening' ? 5 : 1;
      expect(countDescriptors() - before - besides).toBeLessThanOrEqual(8);
    });
  });

  describe('the channels of one listener', () => {
    expectNothingLeft();

    async function listenFor(roles: readonly string[], poolBytes: number) {
      const endpoint = folder.fresh();
      const listener = await transport.listen({ endpoint, poolBytes, spinMicroseconds: 0 });
      const children: Child[] = [];
      const channels: Channel[] = [];
      for (const role of roles) {
        children.push(startPeer('connect', endpoint, role));
        channels.push(await listener.accept(LIMIT));
      }
      return {
        listener,
        children,
        channels,
        async [Symbol.asyncDispose]() {
          // Those that have left are not the listener's any more: they were accepted.
          for (const channel of channels) await channel.destroy();
          await listener.destroy();
          for (const child of children) await child[Symbol.asyncDispose]();
        },
      };
    }

    test('share its pool: all get theirs out of one that is smaller than what is sent', async () => {
      await using opened = await listenFor(new Array(4).fill('flood'), MIB);
      const { channels, children } = opened;
      expect(await Promise.all(channels.map(exchange))).toEqual(new Array(4).fill(true));
      for (const child of children) {
        expect(await child.message()).toBe(true);
        child.send('end');
      }
      await opened.listener.close(LIMIT);
    });

    test('wake each other: what comes back on one is room for another that waits', async () => {
      await using opened = await listenFor(['late', 'echo'], 4 * MIB);
      const [first, second] = opened.channels as [Channel, Channel];
      // More than the pipe takes, so that the rest leaves in the background.
      void (await first.loan(3 * MIB)).send();
      expect(second.tryLoan(3 * MIB)).toBeUndefined();
      const waiting = second.loan(3 * MIB);
      await turns();
      opened.children[0]?.send('receive');
      (await waiting).release();
    });

    test('wake each other, also where the one has more that waits for its pipe', async () => {
      await using opened = await listenFor(['one', 'echo'], 4 * MIB);
      const [first, second] = opened.channels as [Channel, Channel];
      for (let count = 0; count < 2; count++) {
        expect((await first.loan(1_400_000)).trySend()).toBe('sent');
      }
      const waiting = second.loan(MIB);
      await turns();
      opened.children[0]?.send('receive');
      (await waiting).release();
    });

    test.each(['destroy', 'kill'] as const)(
      'get the room of one that is gone (%s)',
      async (how) => {
        await using opened = await listenFor(['late', 'echo'], MIB);
        const [first, second] = opened.channels as [Channel, Channel];
        await first.send(Buffer.alloc(600_000), LIMIT);
        const waiting = second.loan(900_000);
        await turns();
        if (how === 'destroy') await first.destroy();
        else await opened.children[0]?.end('SIGKILL');
        (await waiting).release();
      },
    );

    test('as one: what one takes slowly holds up nothing that another one is asked', async () => {
      await using opened = await listenFor(['late', 'echo'], 8 * MIB);
      const any = opened.listener.anyChannel();
      // More than the pipe takes: it leaves when that is read.
      const slow = any.send(Buffer.alloc(3 * MIB));
      await turns();
      for (let count = 0; count < 3; count++) {
        using answer = await any.request(Buffer.alloc(500_000, count), LIMIT);
        expect(answer.copy().equals(Buffer.alloc(500_000, count))).toBe(true);
      }
      expect(opened.channels.map((channel) => channel.stats().messagesSent)).toEqual([1, 3]);
      opened.children[0]?.send('receive');
      expect(await slow).toBe('sent');
    });

    test('wake each other by a loan that is released', async () => {
      await using opened = await listenFor(['late', 'echo'], MIB);
      const [first, second] = opened.channels as [Channel, Channel];
      const loan = await first.loan(900_000);
      const waiting = second.loan(900_000);
      await turns();
      loan.release();
      (await waiting).release();
    });

    test('do not count what was lent on one that is closed', async () => {
      await using opened = await listenFor(['late', 'echo'], MIB);
      const [first, second] = opened.channels as [Channel, Channel];
      const loan = await first.loan(900_000);
      const kept = loan.bytes.fill(1);
      await first.destroy();
      using other = await second.loan(900_000, LIMIT);
      other.bytes.fill(2);
      // The program may be in the middle of writing there: nobody else gets that memory.
      expect(kept.every((byte) => byte === 1)).toBe(true);
      expect(() => loan.bytes).toThrow(withCode('CLOSED'));
      loan.release();
    });

    test('are received from by turns, and told of when they leave', async () => {
      await using opened = await listenFor(['echo', 'echo', 'echo'], MIB);
      const { listener, channels, children } = opened;
      const left: Channel[] = [];
      listener.on('leave', (channel) => left.push(channel));
      for (const [tag, channel] of channels.entries())
        await channel.send(Buffer.from('x'), { tag });
      const from = new Set<Channel>();
      while (from.size < 3) {
        using message = await listener.receive(LIMIT);
        if (message !== undefined) from.add(message.channel);
      }
      const receiving = listener.receive();
      await children[1]?.end('SIGKILL');
      while (left.length === 0) await new Promise(setImmediate);
      expect(left).toEqual([channels[1]]);
      expect(listener.channels).toEqual([channels[0], channels[2]]);
      await channels[2]?.send(Buffer.from('y'), { tag: 7 });
      using last = await receiving;
      expect([last?.channel, last?.tag]).toEqual([channels[2], 8]);
    });
  });
}
