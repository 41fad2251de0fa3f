import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { hasNatsServer } from '@pageferry/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { NatsReceiver } from '../dist/receiving/nats-receiver.js';
import { Ground, message, until } from './support/server.js';

const MIB = 1024 * 1024;

describe.skipIf(!hasNatsServer)('what is sent in place', () => {
  const ground = new Ground();

  test.each([0, 1, 10_000, 16_384, 16_385, MIB, 3 * MIB + 1])(
    'arrives: %i bytes',
    async (length) => {
      const endpoint = ground.endpoint();
      const sender = await ground.sender(endpoint);
      const receiver = await ground.receiver(endpoint);
      await sender.waitForReceivers();
      const bytes = message(7, length);
      expect(await sender.sendInPlace(bytes, { tag: 9 })).toBe('sent');
      // They are the caller's again.
      bytes.fill(255);
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(7, length))).toBe(true);
      expect(delivery?.tag).toBe(9);
      delivery?.release();
      await sender.flush();
      expect(sender.stats()).toMatchObject({
        messagesSent: 1,
        bytesSent: length,
        bytesOut: 0,
        loansHeld: 0,
      });
    },
  );

  test('goes to the socket out of the memory where it is', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    const bytes = message(1, 2 * MIB);
    const write = vi.spyOn(Socket.prototype, 'write');
    await sender.sendInPlace(bytes);
    const own = write.mock.calls.map(([chunk]) => chunk as unknown as Uint8Array);
    write.mockRestore();
    const inPlace = own.filter(({ buffer }) => buffer === bytes.buffer);
    const inPlaceBytes = inPlace.reduce((sum, { length }) => sum + length, 0);
    // The first piece has what two others leave.
    expect(inPlaceBytes).toBeGreaterThan(2 * MIB - 16_384);
    // What else is written is no other payload.
    const others = own.filter(({ buffer }) => buffer !== bytes.buffer);
    const otherBytes = others.reduce((sum, { length }) => sum + length, 0);
    expect(otherBytes).toBeLessThan(2 * MIB - inPlaceBytes + 10_000);
    (await receiver.receive())?.release();
  });

  test('keeps its order among what is sent otherwise, and its numbers', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const receiver = await ground.receiver(endpoint);
    await sender.waitForReceivers();
    using loan = await sender.loan(20_000);
    loan.bytes.fill(1);
    const sending = [
      sender.sendInPlace(message(0, 20_000), { sequence: 5 }),
      loan.send(),
      sender.sendInPlace(message(2, 10), { sequence: 10 }),
      sender.sendInPlace(message(3, 20_000)),
    ];
    const numbers: [number, number][] = [];
    for (let count = 0; count < 4; count++) {
      using delivery = await receiver.receive();
      numbers.push([delivery?.bytes[0] ?? -1, delivery?.sequence ?? -1]);
    }
    expect(numbers).toEqual([
      [0, 5],
      [1, 6],
      [2, 10],
      [3, 11],
    ]);
    expect(await Promise.all(sending)).toEqual(['sent', 'sent', 'sent', 'sent']);
    // Numbers that are left out are messages that were dropped.
    expect(receiver.stats().messagesDropped).toBe(3);
  });

  test('says that nobody is there, or waits for somebody', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    expect(await sender.sendInPlace(message(0, 100))).toBe('no-receiver');
    const sending = sender.sendInPlace(message(1, MIB), { waitForReceivers: true });
    const receiver = await ground.receiver(endpoint);
    expect(await sending).toBe('sent');
    using delivery = await receiver.receive();
    expect(delivery?.copy().equals(message(1, MIB))).toBe(true);
    expect(sender.stats().loansHeld).toBe(0);
  });

  test('is refused if it makes no sense', async () => {
    const sender = await ground.sender(ground.endpoint());
    const bytes = message(0, 10);
    const refused = { code: 'INVALID_ARGUMENT' };
    for (const wrong of ['text', [bytes, bytes], []]) {
      await expect(sender.sendInPlace(wrong as never)).rejects.toMatchObject(refused);
    }
    await expect(sender.sendInPlace(bytes, { sequence: -1 })).rejects.toMatchObject(refused);
    await expect(sender.sendInPlace(bytes, { tag: -1 })).rejects.toMatchObject(refused);
    await expect(sender.sendInPlace(bytes, { number: 1 } as never)).rejects.toMatchObject(refused);
    await sender.close();
    await expect(sender.sendInPlace(bytes)).rejects.toMatchObject({ code: 'CLOSED' });
    const takeOver = { takeOver: 'two words' };
    await expect(ground.sender(ground.endpoint(), takeOver)).rejects.toMatchObject(refused);
  });

  test('is there whole when the server was killed in the middle', { timeout: 60_000 }, async () => {
    const transport = ground.transport({ patience: 20_000 });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    const sending = Array.from({ length: 20 }, (_, number) =>
      sender.sendInPlace(message(number, 3 * MIB)),
    );
    for (let number = 0; number < 20; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(number, 3 * MIB))).toBe(true);
      if (number % 8 !== 4) continue;
      await ground.server.kill();
      await ground.server.start();
    }
    expect(new Set(await Promise.all(sending))).toEqual(new Set(['sent']));
  });
});

const program = fileURLToPath(new URL('programs/in-place-sender.mjs', import.meta.url));

describe.skipIf(!hasNatsServer)('a sender that takes over', { timeout: 60_000 }, () => {
  const ground = new Ground();
  const patience = 20_000;
  const children: ChildProcess[] = [];
  const said = new WeakMap<ChildProcess, { sent: number; found: number }>();
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
  });

  function start(endpoint: string, source: string, first: number, count: number): ChildProcess {
    const words = [ground.server.url, endpoint, source, first, count].map(String);
    const child = fork(program, words, { execArgv: [] });
    children.push(child);
    said.set(child, { sent: -1, found: -1 });
    child.on('message', (words) => Object.assign(said.get(child) ?? {}, words));
    return child;
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves once it has sent that message, or to what it has found. */
  async function told(child: ChildProcess, name: 'sent' | 'found', least = 0): Promise<number> {
    const known = said.get(child) ?? { sent: -1, found: -1 };
    await until(() => known[name] >= least || child.exitCode !== null);
    return known[name];
  }

  const lengthOf = (number: number) => (number % 10 === 0 ? 2_500_000 : 1000 + number);

  async function take(receiver: NatsReceiver, first: number, end: number): Promise<void> {
    for (let number = first; number < end; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.sequence).toBe(number);
      expect(delivery?.copy().equals(message(number, lengthOf(number)))).toBe(true);
    }
  }

  test('goes on in the middle of a message, and the receiver notices nothing', async () => {
    const endpoint = ground.endpoint();
    const receiving = ground.receiver(endpoint, {}, ground.transport({ patience }));
    let found = 0;
    const COUNT = 300;
    let child = start(endpoint, 'one', 0, COUNT);
    const receiver = await receiving;
    const taking = take(receiver, 0, COUNT);
    // Once right behind a long message, which is under way then.
    for (const at of [10, 51, 100, 165, 230]) {
      await told(child, 'sent', at);
      await kill(child);
      child = start(endpoint, 'one', 0, COUNT);
    }
    found += await told(child, 'found');
    await taking;
    expect(found).toBeGreaterThan(200);
    await kill(child);
    // Nothing comes twice: what comes next is what this one sends next.
    child = start(endpoint, 'one', COUNT - 160, 180);
    await take(receiver, COUNT, COUNT + 20);
    expect(await told(child, 'found')).toBe(160);
  });

  test('finds nothing in the stream of one that has sent nothing', async () => {
    const endpoint = ground.endpoint();
    await kill(start(endpoint, 'one', 0, 0));
    let child = start(endpoint, 'one', 0, 0);
    expect(await told(child, 'found')).toBe(0);
    await kill(child);
    child = start(endpoint, 'one', 3, 5);
    const receiver = await ground.receiver(endpoint, {}, ground.transport({ patience }));
    await take(receiver, 3, 8);
    expect(await told(child, 'found')).toBe(0);
  });

  test('makes another stream where nobody can say what is in the old one', async () => {
    const endpoint = ground.endpoint();
    let child = start(endpoint, 'one', 0, 60);
    const receiver = await ground.receiver(endpoint, {}, ground.transport({ patience }));
    await told(child, 'found');
    await kill(child);
    // What is missing in between may be there or not.
    child = start(endpoint, 'one', 70, 10);
    await expect(take(receiver, 0, 80)).rejects.toMatchObject({ code: 'PEER_DIED' });
    const next = await ground.receiver(endpoint, {}, ground.transport({ patience }));
    await take(next, 70, 80);
    expect(await told(child, 'found')).toBe(0);
  });

  test('does not take over what another source has sent', async () => {
    const endpoint = ground.endpoint();
    const transport = ground.transport({ patience: 500 });
    const child = start(endpoint, 'one', 0, 10);
    const receiver = await ground.receiver(endpoint, {}, ground.transport({ patience }));
    await told(child, 'found');
    await expect(ground.sender(endpoint, { takeOver: 'one' }, transport)).rejects.toMatchObject({
      code: 'ENDPOINT_IN_USE',
    });
    await kill(child);
    const sender = await ground.sender(endpoint, { takeOver: 'two' }, transport);
    await take(receiver, 0, 10).catch(() => undefined);
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(sender.stats().messagesFound).toBe(0);
  });

  test('does not take over pieces longer than its servers take', async () => {
    const endpoint = ground.endpoint();
    const child = start(endpoint, 'one', 0, 10);
    const receiver = await ground.receiver(endpoint, {}, ground.transport({ patience }));
    await told(child, 'sent', 9);
    await kill(child);
    await tellOfPieces(endpoint.slice('nats:'.length), 2 * MIB);
    const transport = ground.transport({ patience: 500 });
    await ground.sender(endpoint, { takeOver: 'one' }, transport);
    await take(receiver, 0, 10).catch(() => undefined);
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
  });

  /** As if the servers had let the last sender publish that much at once. */
  async function tellOfPieces(subject: string, byteLength: number): Promise<void> {
    const connection = await connect({ servers: ground.server.url });
    const { streams, consumers } = await jetstreamManager(connection);
    const [stream = ''] = await streams.names(subject).next();
    const { config } = await consumers.info(stream, 'sender');
    const words = (config.description ?? '').split(' ').slice(0, -1);
    const description = [...words, byteLength].join(' ');
    await consumers.update(stream, 'sender', { ...config, description });
    await connection.close();
  }

  test('ends one that was only out of reach', async () => {
    const endpoint = ground.endpoint();
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const first = await ground.sender(
      endpoint,
      { takeOver: 'one' },
      ground.transport({ patience, reconnectTimeWait: 1500 }),
    );
    await ground.server.kill();
    await ground.server.start();
    // The first one looks for the server later.
    const second = await ground.sender(endpoint, { takeOver: 'one' });
    await until(() => first.closed);
    expect(await warned).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
    expect(first.stats().connectionFailure).toMatchObject({ code: 'ENDPOINT_IN_USE' });
    const receiver = await ground.receiver(endpoint);
    await second.waitForReceivers();
    expect(await second.sendInPlace(message(0, 1000), { sequence: 0 })).toBe('sent');
    (await receiver.receive())?.release();
  });
});
