import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Channel } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { PIECE_BYTES, WINDOW_BYTES } from '../dist/protocol/channel.js';
import { FRAME, FRAME_BYTES, MAX_FRAME_VALUE } from '../dist/protocol/frame.js';
import { echo, ROLES } from './support/channels.js';
import { usePlace } from './support/place.js';
import { frame, hungUp, readExactly } from './support/raw.js';
import { rawChannel, readFrame } from './support/raw-channel.js';

const place = usePlace();
const { maxMessageBytes } = socketTransport.capabilities;

const GOOD = Buffer.concat([frame(FRAME.message, 2, 0), Buffer.from('ok')]);

/** A message of so many bytes, all of it that comes before the next frame. */
function message(sequence: number, byteLength: number): Buffer {
  const piece = Buffer.alloc(Math.min(byteLength, PIECE_BYTES));
  return Buffer.concat([frame(FRAME.message, byteLength, sequence), piece]);
}

/** The claim of a message that is longer than buffers can be. */
function tooLong(): readonly [string, readonly Buffer[]] {
  return ['a message that is too long', [frame(FRAME.message, maxMessageBytes + 1, 1)]];
}

/** A descriptor that takes everything. */
function nowhere(): number {
  const fd = openSync('/dev/null', 'w');
  place().defer(() => closeSync(fd));
  return fd;
}

/** The liar is hung up on, and what it did costs nobody anything else. */
async function expectOver(channel: Channel, peer: Socket): Promise<void> {
  await hungUp(peer);
  expect(await channel.send(Buffer.from('gone'))).toBe('no-receiver');
  expect(channel.stats().bytesOut).toBe(0);
}

describe.each(ROLES)('on a channel where this side %s, the other one', (role) => {
  const lies: readonly (readonly [string, readonly Buffer[]])[] = [
    ['an unknown kind of frame', [frame(9, 0, 1)]],
    ['what is no frame', [Buffer.from('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n')]],
    ['a number that leaves one out', [message(2, 3)]],
    ['a number twice', [message(0, 3)]],
    ['a number beyond all counting', [Buffer.alloc(FRAME_BYTES, 0xff)]],
    // Where buffers may be longer than a frame can say, no message is.
    ...(maxMessageBytes < MAX_FRAME_VALUE ? [tooLong()] : []),
    ['more of no message', [frame(FRAME.more, 1, 0)]],
    ['more of a message that is whole', [message(1, 3), frame(FRAME.more, 1, 0)]],
    ['more than a message has', [message(1, PIECE_BYTES + 1), frame(FRAME.more, 2, 0)]],
    ['no more of a message', [message(1, PIECE_BYTES + 1), frame(FRAME.more, 0, 0)]],
    ['a message in the middle of another', [message(1, PIECE_BYTES + 1), message(2, 1)]],
    ['its end in the middle of a message', [message(1, PIECE_BYTES + 1), frame(FRAME.end, 0, 2)]],
    ['an end that leaves one out', [frame(FRAME.end, 0, 2)]],
    [
      'messages beyond the window',
      Array.from({ length: 5 }, (_, n) => message(n + 1, PIECE_BYTES)),
    ],
    [
      'a message beyond the window',
      [message(1, WINDOW_BYTES * 2), frame(FRAME.more, WINDOW_BYTES - PIECE_BYTES + 1, 0)],
    ],
    ['messages without end', [...Array.from({ length: 1024 }, (_, n) => message(n + 1, 0))]],
    ['a release of what was not sent', [frame(FRAME.release, 1, 0)]],
    ['a release of nothing', [frame(FRAME.release, 0, 0)]],
    ['a release of all there is', [frame(FRAME.release, 2 ** 32 - 1, 0)]],
    ['credit that it has not been asked for', [frame(FRAME.credit, 1, 0)]],
    ['no credit', [frame(FRAME.credit, 0, 0)]],
  ];

  test.each(lies)('that says %s has misbehaved, after what was right', async (_, lie) => {
    const { channel, peer, rig } = await rawChannel(place(), role);
    const other = await rig?.channel();
    peer.write(Buffer.concat([GOOD, ...lie]));
    await hungUp(peer);
    channel.tryReceive()?.release();
    expect(channel.stats().messagesReceived).toBe(1);
    const rest = async (): Promise<void> => {
      for (let next = await channel.receive(); next; next = await channel.receive()) next.release();
    };
    for (let time = 0; time < 2; time++) {
      await expect(rest()).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
      await expect(channel.spliceTo(nowhere())).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
    }
    await expectOver(channel, peer);
    if (other !== undefined) expect(await echo(other.far, other.near)).toBe('works');
  });

  const ends: readonly (readonly [string, Buffer])[] = [
    ['its end twice', frame(FRAME.end, 0, 1)],
    ['a message after its end', message(1, 3)],
    ['a message after its end, of another number', message(0, 3)],
  ];

  test.each(ends)('that says %s has ended, and is hung up on', async (_, lie) => {
    const { channel, peer } = await rawChannel(place(), role);
    peer.write(Buffer.concat([GOOD, frame(FRAME.end, 0, 1), lie]));
    await hungUp(peer);
    expect((await channel.receive())?.copy().toString()).toBe('ok');
    expect(await channel.receive()).toBe(undefined);
    await expectOver(channel, peer);
  });

  const returns: readonly (readonly [string, readonly Buffer[]])[] = [
    ['of a message twice', [frame(FRAME.release, 1, 0), frame(FRAME.release, 1, 0)]],
    ['of a message that follows', [frame(FRAME.release, 2, 0)]],
    ['of a message that it has in part', [frame(FRAME.release, 1, 1)]],
    ['of no message', [frame(FRAME.release, 0, 0)]],
    ['of more than is under way', [frame(FRAME.release, 3, 0)]],
  ];

  test.each(returns)('that says a release %s has misbehaved', async (_, lie) => {
    const { channel, peer } = await rawChannel(place(), role);
    expect(await channel.send(Buffer.from('one'))).toBe('sent');
    const loan = await channel.loan(2 * WINDOW_BYTES);
    expect(loan.trySend()).toBe('sent');
    const flushed = channel.flush();
    peer.write(Buffer.concat(lie));
    await expect(channel.receive()).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
    await flushed;
    await expectOver(channel, peer);
  });

  test('that gives more credit than the window has misbehaved', async () => {
    const { channel, peer } = await rawChannel(place(), role);
    expect(await channel.send(Buffer.alloc(1000))).toBe('sent');
    await readExactly(peer, FRAME_BYTES + 1000);
    peer.write(frame(FRAME.credit, 1000, 0));
    peer.write(frame(FRAME.release, 1, 0));
    await channel.flush();
    expect(channel.closed).toBe(false);
    peer.write(frame(FRAME.credit, 1, 0));
    await expect(channel.receive()).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
    await expectOver(channel, peer);
  });

  test('that claims a huge message gets no memory for it until its bytes come', async () => {
    const { channel, peer } = await rawChannel(place(), role, { maxBorrowedBytes: WINDOW_BYTES });
    const before = process.memoryUsage().arrayBuffers;
    peer.write(message(0, maxMessageBytes));
    const receiving = channel.receive();
    while (channel.stats().deliveriesHeld === 0 && peer.writableLength > 0) {
      await new Promise(setImmediate);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * WINDOW_BYTES);
    peer.destroy();
    await expect(receiving).rejects.toMatchObject({ code: 'PEER_DIED' });
  });

  test('that hangs up anywhere in a frame or a message has died', async () => {
    const whole = Buffer.concat([frame(FRAME.message, 3, 0), Buffer.from('abc')]);
    for (let length = 0; length < whole.length; length++) {
      const { channel, peer, rig } = await rawChannel(place(), role);
      peer.end(whole.subarray(0, length));
      await expect(channel.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
      expect(() => channel.tryReceive()).toThrow(expect.objectContaining({ code: 'PEER_DIED' }));
      await rig?.listener.destroy();
      await channel.destroy();
    }
  });

  test('that stops talking has died, also if it takes nothing and does not hang up', async () => {
    const { channel, peer } = await rawChannel(place(), role);
    expect((await channel.loan(WINDOW_BYTES)).trySend()).toBe('sent');
    peer.end();
    await expect(channel.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    await expectOver(channel, peer);
  });

  test('that takes nothing keeps this side neither from receiving nor from its end', async () => {
    const { channel, peer } = await rawChannel(place(), role);
    const sending = channel.send(Buffer.alloc(4 * WINDOW_BYTES));
    for (let sequence = 0; sequence < 3000; sequence++) {
      peer.write(message(sequence, 0));
      using delivery = await channel.receive();
      expect(delivery?.sequence).toBe(sequence);
    }
    const closing = channel.close({ timeout: 20 });
    await expect(closing).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(sending).rejects.toMatchObject({ code: 'CLOSED' });
    await hungUp(peer);
  });

  test('that dies is heard to its last word, although releases reach nobody', async () => {
    const { channel, peer } = await rawChannel(place(), role);
    for (let sequence = 0; sequence < 3; sequence++) peer.write(message(sequence, 20_000));
    // All of it is with the kernel, and this side has had no turn to read it.
    expect(peer.writableLength).toBe(0);
    peer.destroy();
    expect(channel.tryLoan(10)?.trySend()).toBe('sent');
    for (let sequence = 0; sequence < 3; sequence++) {
      using delivery = await channel.receive();
      expect(delivery).toMatchObject({ sequence, byteLength: 20_000 });
    }
    await expect(channel.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(channel.stats().bytesOut).toBe(0);
  });
});

describe.each(ROLES)('on a channel where this side %s, a question', (role) => {
  const ask = (number: number): Buffer =>
    Buffer.concat([frame(FRAME.message, 2, 0, 0, ((number << 2) | 1) >>> 0), Buffer.from('??')]);

  test.each([1, 2 ** 29 - 1, 2 ** 29, 2 ** 30 - 1])(
    'with the number %i is answered, or told that it is not',
    async (number) => {
      for (const isAnswered of [true, false]) {
        const { channel, peer } = await rawChannel(place(), role);
        peer.write(ask(number));
        const question = await channel.receive();
        if (isAnswered) expect(await question?.respond(Buffer.from('!'))).toBe('sent');
        question?.release();
        let next = await readFrame(peer);
        while (next.kind !== FRAME.message) next = await readFrame(peer);
        expect(next.exchange).toBe(((number << 2) | (isAnswered ? 2 : 3)) >>> 0);
        await channel.destroy();
      }
    },
  );
});

describe('what one side of a channel says', () => {
  test('are pieces within the window, and between them what it has to say besides', async () => {
    const { channel, peer } = await rawChannel(place(), 'listens');
    const length = WINDOW_BYTES + PIECE_BYTES + 100;
    const sending = channel.send(Buffer.alloc(length, 7), { tag: 0xfffffffe });
    expect(await readFrame(peer)).toEqual({
      kind: FRAME.message,
      value: length,
      sequence: 0,
      tag: 0xfffffffe,
      exchange: 0,
    });
    const readPiece = async (byteLength: number): Promise<void> => {
      const piece = await readExactly(peer, byteLength);
      expect(piece.equals(Buffer.alloc(byteLength, 7))).toBe(true);
    };
    await readPiece(PIECE_BYTES);
    for (let sent = PIECE_BYTES; sent < WINDOW_BYTES; sent += PIECE_BYTES) {
      expect(await readFrame(peer)).toMatchObject({ kind: FRAME.more, value: PIECE_BYTES });
      await readPiece(PIECE_BYTES);
    }
    // The window is used up. What comes next is not of this message.
    peer.write(GOOD);
    (await channel.receive())?.release();
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.release, value: 1, sequence: 0 });
    peer.write(frame(FRAME.credit, PIECE_BYTES, 0));
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.more, value: PIECE_BYTES });
    await readPiece(PIECE_BYTES);
    peer.write(frame(FRAME.credit, PIECE_BYTES, 0));
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.more, value: 100 });
    await readPiece(100);
    expect(await sending).toBe('sent');
    await channel.finish();
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.end, value: 0, sequence: 1 });
    // It still takes back what is under way, and gives back what comes.
    peer.write(frame(FRAME.release, 1, 0));
    peer.write(message(1, 0));
    (await channel.receive())?.release();
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.release, value: 1, sequence: 1 });
    expect(channel.stats().bytesOut).toBe(0);
  });

  test('is a release between two pieces, when the other side has not taken all of them', async () => {
    const { channel, peer } = await rawChannel(place(), 'listens');
    const loan = await channel.loan(WINDOW_BYTES);
    expect(loan.trySend()).toBe('sent');
    peer.write(GOOD);
    (await channel.receive())?.release();
    await new Promise(setImmediate);
    await readExactly(peer, FRAME_BYTES + PIECE_BYTES);
    let pieces = 1;
    let next = await readFrame(peer);
    for (; next.kind === FRAME.more; next = await readFrame(peer)) {
      await readExactly(peer, next.value);
      pieces++;
    }
    expect(next).toMatchObject({ kind: FRAME.release, value: 1, sequence: 0 });
    expect(pieces).toBeLessThan(WINDOW_BYTES / PIECE_BYTES);
  });

  test('is credit for what its program has asked for, and not for what it has not', async () => {
    const { channel, peer } = await rawChannel(place(), 'listens');
    // Half a window that is asked for comes back as credit; it is held all the while.
    peer.write(Buffer.concat([message(0, PIECE_BYTES), message(1, PIECE_BYTES)]));
    using first = await channel.receive();
    using second = await channel.receive();
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.credit, value: 2 * PIECE_BYTES });
    for (let sequence = 2; sequence < 6; sequence++) peer.write(message(sequence, PIECE_BYTES));
    first?.release();
    expect(await readFrame(peer)).toMatchObject({ kind: FRAME.release, value: 1, sequence: 0 });
    expect(second?.released).toBe(false);
  });

  test('is understood wherever it is cut', async () => {
    const long = PIECE_BYTES + 2;
    const stream = Buffer.concat([
      frame(FRAME.message, 5, 0, 3),
      Buffer.from('first'),
      frame(FRAME.message, 0, 1),
      frame(FRAME.message, long, 2),
      Buffer.alloc(PIECE_BYTES, 1),
      frame(FRAME.more, 1, 0),
      Buffer.alloc(1, 1),
      frame(FRAME.more, 1, 0),
      Buffer.alloc(1, 1),
      frame(FRAME.end, 0, 3),
    ]);
    const around = 5 + 3 * FRAME_BYTES;
    const cuts = Array.from({ length: stream.length }, (_, cut) => cut).filter(
      (cut) => cut < around + 2 || cut > around + PIECE_BYTES - 2,
    );
    for (const cut of cuts) {
      const { channel, peer } = await rawChannel(place(), cut % 2 === 0 ? 'listens' : 'connects');
      peer.write(stream.subarray(0, cut));
      // The second part leaves once the first one was taken, and one turn of the loop later.
      await new Promise(setImmediate);
      peer.write(stream.subarray(cut));
      const seen: string[] = [];
      for await (using delivery of channel) {
        const { sequence, tag, byteLength, bytes } = delivery;
        seen.push(`${sequence} ${tag} ${byteLength < 10 ? Buffer.from(bytes) : byteLength}`);
      }
      expect(seen).toEqual(['0 3 first', '1 0 ', `2 0 ${long}`]);
    }
  });
});
