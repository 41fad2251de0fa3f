import { once } from 'node:events';
import { encodeHello, HELLO_KIND } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { SocketListener } from '../dist/channel/socket-listener.js';
import { MAX_UNDER_WAY, PIECE_BYTES } from '../dist/protocol/channel.js';
import { FRAME, FRAME_BYTES } from '../dist/protocol/frame.js';
import { echo, Rig } from './support/channels.js';
import { usePlace } from './support/place.js';
import { ChannelProcess } from './support/process.js';
import { connectRaw, frame, hungUp, readExactly } from './support/raw.js';
import { rawChannel } from './support/raw-channel.js';

const MIB = 1024 * 1024;
const place = usePlace();

describe('a listener', () => {
  test('has many channels, each with its own questions and answers', async () => {
    const rig = await Rig.open(place());
    const channels = [];
    for (let count = 0; count < 40; count++) channels.push(await rig.channel());
    const serving = (async () => {
      for await (using question of rig.listener) {
        const from = channels.findIndex(({ near }) => near === question.channel);
        await question.respond(Buffer.from(`${from}: ${question.copy()}`));
      }
    })().catch((error: { code: string }) => error.code);
    const asked = channels.flatMap(({ far }, number) =>
      Array.from({ length: 20 }, async (_, question) => {
        using answer = await far.request(Buffer.from(`${question}`));
        return answer.copy().toString() === `${number}: ${question}`;
      }),
    );
    expect(await Promise.all(asked)).toEqual(Array(800).fill(true));
    await rig.listener.close();
    expect(await serving).toBe('CLOSED');
  });

  test('ends a channel in order though both sides close with more on its way than the socket takes', async () => {
    const rig = await Rig.open(place(), { poolBytes: 16 * MIB });
    const { near, far } = await rig.channel();
    for (const channel of [near, far]) {
      const loan = await channel.loan(16 * MIB);
      expect(loan.trySend()).toBe('sent');
    }
    await Promise.all([near.close(), far.close()]);
    expect(near.closed && far.closed).toBe(true);
  });

  test('frees what a channel had lent when that one closes', async () => {
    const rig = await Rig.open(place(), { poolBytes: MIB });
    const first = await rig.channel();
    const second = await rig.channel();
    const held = await first.near.loan(MIB / 2);
    expect(await first.near.send(Buffer.alloc(MIB / 2))).toBe('sent');
    expect(second.near.tryLoan(1)).toBe(undefined);
    const waiting = second.near.loan(MIB);
    await first.near.close();
    const loan = await waiting;
    expect(held.owned).toBe(false);
    expect(loan.byteLength).toBe(MIB);
    loan.release();
    expect(second.near.stats().bytesOut).toBe(0);
  });

  test('wakes who waits for room on one channel when another gives back', async () => {
    const rig = await Rig.open(place(), { poolBytes: MIB });
    const first = await rig.channel();
    const second = await rig.channel();
    expect(await first.near.send(Buffer.alloc(MIB / 2))).toBe('sent');
    const lent = await first.near.loan(MIB / 2);
    const received = await first.far.receive();
    const [third, fourth] = [second.near.loan(MIB / 2), second.near.loan(MIB / 2)];
    received?.release();
    (await third).release();
    lent.release();
    (await fourth).release();
  });

  test('does not wait for who says nothing, however many they are', async () => {
    const rig = await Rig.open(place());
    for (let count = 0; count < 200; count++) await connectRaw(place(), rig.listener.endpoint);
    const { far, near } = await rig.channel();
    expect(await echo(far, near)).toBe('works');
    expect(rig.listener.channels.length).toBe(1);
  });

  test('hangs up on who says no hello in time', async () => {
    const settings = {
      endpoint: place().path(),
      allow: { uids: [], gids: [] },
      maxChannels: 1,
      poolBytes: MIB,
      maxBorrowedBytes: MIB,
      spinMicroseconds: 0,
      histograms: false,
    };
    const listener = place().own(await SocketListener.create(settings, 20));
    const silent = await connectRaw(place(), listener.endpoint);
    silent.write(encodeHello(HELLO_KIND.hello, 'socket-channel').subarray(0, 20));
    await hungUp(silent);
    expect(listener.channels).toEqual([]);
  });

  test('outlives processes that are killed, and forgets them', async () => {
    const rig = await Rig.open(place());
    const leaving = new Map<unknown, (reason: unknown) => void>();
    rig.listener.on('leave', (channel, reason) => leaving.get(channel)?.(reason));
    for (let count = 0; count < 3; count++) {
      const process = await ChannelProcess.start(place());
      await process.call('connect', { endpoint: rig.listener.endpoint });
      const [channel] = rig.listener.channels;
      const left = new Promise((resolve) => leaving.set(channel, resolve));
      expect(await process.call('send', [5])).toEqual(['sent']);
      (await rig.listener.receive())?.release();
      await process.kill();
      expect(await left).toMatchObject({ code: 'PEER_DIED' });
      expect(rig.listener.channels).toEqual([]);
      while (channel?.closed === false) await new Promise(setImmediate);
    }
  });
});

describe('all channels of a listener as one', () => {
  test('give a question that was lost half-way to another one, as it was', async () => {
    const { peer, rig } = await rawChannel(place(), 'listens', { poolBytes: 16 * MIB });
    if (rig === undefined) throw new Error('there is a listener');
    const any = rig.listener.anyChannel();
    const question = await any.loan(3 * MIB);
    question.bytes.fill(7);
    let second: Awaited<ReturnType<Rig['channel']>> | undefined;
    const asked = any.request(question, {
      onLost: async (loan) => {
        expect(loan).toBe(question);
        expect(Buffer.alloc(3 * MIB, 7).equals(loan.bytes)).toBe(true);
        second = await rig.channel();
        void second.far.receive().then(async (delivery) => {
          await delivery?.respond(delivery.copy());
          delivery?.release();
        });
        return true;
      },
    });
    // A part of it has come when the one who was asked dies.
    await readExactly(peer, FRAME_BYTES + PIECE_BYTES);
    peer.destroy();
    using answer = await asked;
    expect(Buffer.alloc(3 * MIB, 7).equals(answer.bytes)).toBe(true);
    await second?.near.flush();
    expect(second?.near.stats().bytesOut).toBe(0);
  });

  test('give a question back that was taken, and its memory twice: to the asker, and to the pool', async () => {
    const { peer, rig } = await rawChannel(place(), 'listens', { poolBytes: MIB });
    if (rig === undefined) throw new Error('there is a listener');
    const [channel] = rig.listener.channels;
    const question = await rig.listener.anyChannel().loan(1000);
    question.bytes.fill(7);
    const asked = rig.listener.anyChannel().request(Buffer.alloc(500));
    await expect(rig.listener.anyChannel().request(question)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await readExactly(peer, FRAME_BYTES + 500);
    // It has taken the question, keeps it, and says that it will not answer.
    peer.write(frame(FRAME.end, 0, 0));
    await expect(asked).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
    question.release();
    expect(channel?.stats().bytesOut).toBe(500);
    peer.write(frame(FRAME.release, 1, 0));
    await channel?.flush();
    expect(channel?.stats().bytesOut).toBe(0);
  });

  test('give a question back that the other side still holds, to be changed and asked again', async () => {
    const { peer, rig } = await rawChannel(place(), 'listens', { poolBytes: MIB });
    if (rig === undefined) throw new Error('there is a listener');
    const [channel] = rig.listener.channels;
    const any = rig.listener.anyChannel();
    const question = await any.loan(1000);
    question.bytes.fill(7);
    question.truncate(900);
    const asked = any.request(question);
    await readExactly(peer, FRAME_BYTES + 900);
    peer.write(frame(FRAME.end, 0, 0));
    await expect(asked).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
    expect(Buffer.alloc(900, 7).equals(question.bytes)).toBe(true);
    question.bytes.fill(9);
    const second = await rig.channel();
    await channel?.close();
    expect(await question.send()).toBe('sent');
    const delivery = await second.far.receive();
    expect(Buffer.alloc(900, 9).equals(delivery?.bytes as Uint8Array)).toBe(true);
    delivery?.release();
    await second.near.flush();
    expect(second.near.stats().bytesOut).toBe(0);
  });

  test('lend nobody else the memory of a question that may have to be asked again', async () => {
    const { peer, rig } = await rawChannel(place(), 'listens');
    const any = rig?.listener.anyChannel();
    const question = await any?.loan(1000);
    question?.bytes.fill(7);
    const asked = any?.request(question as NonNullable<typeof question>);
    await readExactly(peer, FRAME_BYTES + 1000);
    peer.write(frame(FRAME.release, 1, 0));
    await rig?.listener.channels[0]?.flush();
    for (let count = 0; count < 3; count++) (await any?.loan(1000))?.bytes.fill(1);
    peer.destroy();
    await expect(asked).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(Buffer.alloc(1000, 7).equals(question?.bytes as Uint8Array)).toBe(true);
  });

  test('wait for one that has less to do, and go on when it has', async () => {
    const rig = await Rig.open(place());
    const { far, near } = await rig.channel();
    const any = rig.listener.anyChannel({ maxUnderWay: 2 });
    expect(await any.send(Buffer.from('one'))).toBe('sent');
    expect(await any.send(Buffer.from('two'))).toBe('sent');
    const third = any.send(Buffer.from('three'));
    await far.receive();
    (await far.receive())?.release();
    expect(await third).toBe('sent');
    expect((await far.receive())?.copy().toString()).toBe('three');
    expect(near.stats().messagesSent).toBe(3);
  });

  test('forget a question that nobody took, once it is sent as a message', async () => {
    const rig = await Rig.open(place());
    const { far, near } = await rig.channel();
    const any = rig.listener.anyChannel({ maxUnderWay: 2 * MAX_UNDER_WAY });
    for (let sent = 0; sent < MAX_UNDER_WAY; sent++) await any.send(Buffer.alloc(1));
    const loan = await any.loan(1000);
    await expect(any.request(loan, { timeout: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(loan.owned).toBe(true);
    (await far.receive())?.release();
    expect(await loan.send()).toBe('sent');
    for (let sent = 0; sent < MAX_UNDER_WAY; sent++) (await far.receive())?.release();
    await near.flush();
    expect(near.stats().bytesOut).toBe(0);
  });
});

describe('memory that a program moves on while it waits to leave', () => {
  test('ends its channel alone, and no message gets the bytes of another', async () => {
    const rig = await Rig.open(place());
    const { far, near } = await rig.channel();
    const other = await rig.channel();
    const views: Uint8Array[] = [];
    for (let message = 0; message < 8; message++) {
      const loan = await near.loan(MIB);
      views.push(loan.bytes.fill(message));
      expect(loan.trySend()).toBe('sent');
    }
    const moved = views[4] as Uint8Array<ArrayBuffer>;
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    const warned = once(process, 'warning');
    let received = 0;
    await expect(async () => {
      for await (using delivery of far) {
        expect(delivery.bytes.every((byte) => byte === received)).toBe(true);
        received++;
      }
    }).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(received).toBe(4);
    expect((await warned)[0]).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
    await expect(near.receive()).rejects.toMatchObject({ code: 'BYTES_DETACHED' });
    expect(await near.send(Buffer.from('x'))).toBe('no-receiver');
    expect(near.stats().bytesOut).toBe(0);
    expect(await echo(other.far, other.near)).toBe('works');
  });
});
