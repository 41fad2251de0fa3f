import type { Socket } from 'node:net';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { natsTransport } from '@pageferry/nats';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { Internals } from '../dist/engine/internals.js';
import { subjectOf } from '../dist/engine/names.js';
import { Ground, message, until } from './support/server.js';

test.each([
  ['plain', undefined],
  ['nats:', undefined],
  ['nats:a..b', undefined],
  ['nats:a.*', undefined],
  ['nats:a.>', undefined],
  ['nats:a b', undefined],
  ['nats:$JS.API', undefined],
  ['nats:_INBOX.x', undefined],
  ['nats:a._sender', undefined],
  ['nats:camera.frames', 'camera.frames'],
  ['nats:größe', 'größe'],
])('the subject of %s is %s', (endpoint, subject) => {
  if (subject === undefined) {
    expect(() => subjectOf(endpoint)).toThrow(
      expect.objectContaining({ code: 'ENDPOINT_INVALID' }),
    );
  } else {
    expect(subjectOf(endpoint)).toBe(subject);
  }
});

test('a subject that fits into no control line is ENDPOINT_TOO_LONG', () => {
  const error = expect.objectContaining({ code: 'ENDPOINT_TOO_LONG' });
  expect(() => subjectOf(`nats:${'x'.repeat(1025)}`)).toThrow(error);
});

test('without a server both sides are told why', async () => {
  const nats = natsTransport({ servers: '127.0.0.1:1', timeout: 1000 });
  for (const call of [nats.createSender, nats.createReceiver]) {
    await expect(call({ endpoint: 'nats:nowhere' })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      errnoName: 'ECONNREFUSED',
    });
  }
});

test('who else may connect is for the servers to say', async () => {
  const nats = natsTransport({ servers: '127.0.0.1:1' });
  const options = { endpoint: 'nats:a/b', allow: { uids: [1] } };
  await expect(nats.createSender(options)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  await expect(nats.listen(options)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
});

describe.skipIf(!hasNatsServer)('what is long', () => {
  const ground = new Ground();

  test.each([
    ['leaves out of memory that is used again, and arrives in memory taken at once', false, 6],
    ['arrives in memory that is used again once it was given back', true, 2],
  ] as const)('%s', async (_title, givesBack, times) => {
    const connection = await connect({ servers: ground.server.url });
    const internals = new Internals(connection);
    internals.takeWholeMemory();
    // As when the client tells of one reconnection twice.
    internals.takeWholeMemory();
    const arrived: Uint8Array[] = [];
    connection.subscribe('long', { callback: (_, { data }) => void arrived.push(data) });
    const length = 1_000_000;
    const memory = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      for (let number = 0; number < 5; number++) {
        connection.publish('long', message(number, length));
        internals.flushNow();
        // It has left, and been sent back.
        await until(() => arrived.length === number + 1);
        const data = arrived[number] ?? NONE;
        expect(Buffer.compare(data, message(number, length))).toBe(0);
        if (givesBack) internals.giveBack(data);
      }
      expect(memory).toHaveBeenCalledTimes(times);
    } finally {
      memory.mockRestore();
    }
    if (!givesBack) {
      for (const [number, data] of arrived.entries()) {
        expect(Buffer.compare(data, message(number, length))).toBe(0);
      }
    }
    await connection.close();
  });

  test('is copied once out of what the socket has read, and that is freed', async () => {
    const connection = await connect({ servers: ground.server.url });
    const internals = new Internals(connection);
    internals.takeWholeMemory();
    const { socket } = (connection as unknown as Inside).protocol.transport;
    const read: Uint8Array[] = [];
    let byteLength = 0;
    socket.on('data', (bytes: Uint8Array) => {
      read.push(bytes);
      byteLength += bytes.length;
    });
    const arrived: Uint8Array[] = [];
    connection.subscribe('read', { callback: (_, { data }) => void arrived.push(data) });
    for (const length of [1_000_000, 100, 1_000_000]) {
      connection.publish('read', message(length, length));
    }
    await until(() => arrived.length === 3);
    for (const data of arrived) {
      expect(Buffer.compare(data, message(data.length, data.length))).toBe(0);
    }
    const left = read.reduce((sum, { length }) => sum + length, 0);
    expect(left).toBeLessThan(byteLength / 2);
    await connection.close();
  });

  test('and was published in a row arrives, each with its own bytes', async () => {
    const connection = await connect({ servers: ground.server.url });
    const internals = new Internals(connection);
    internals.takeWholeMemory();
    const arrived: Uint8Array[] = [];
    connection.subscribe('row', { callback: (_, { data }) => void arrived.push(data) });
    const lengths = [0, 10, 900_000, 20_000, 5, 70_000, 1_000_000, 16_384, 600_000];
    for (const [number, length] of lengths.entries()) {
      const bytes = message(number, length);
      connection.publish('row', bytes);
      internals.flushNow();
      bytes.fill(0xff); // The memory is somebody else's already.
    }
    await until(() => arrived.length === lengths.length);
    for (const [number, length] of lengths.entries()) {
      expect(Buffer.compare(arrived[number] ?? NONE, message(number, length))).toBe(0);
    }
    await connection.close();
  });
});

/** The socket of a connection of the client. */
interface Inside {
  readonly protocol: { readonly transport: { readonly socket: Socket } };
}

const NONE = new Uint8Array(0);

describe.skipIf(!hasNatsServer)('the client', () => {
  const ground = new Ground('authorization { token: "secret" }\nmax_payload: 65536\n');

  test('has what this package uses of its inside', async () => {
    const options = { servers: ground.server.url, token: 'secret', pingInterval: 20 };
    const connection: NatsConnection = await connect(options);
    const internals = new Internals(connection);
    internals.stopHeartbeats();
    internals.keepAlive(false);
    internals.keepAlive(true);
    // What is handed over at once may be taken over by somebody else.
    const arrived = new Promise<Uint8Array>((resolve) => {
      connection.subscribe('inside', { callback: (_, { data }) => resolve(data.slice()) });
    });
    const bytes = new Uint8Array(1000).fill(7);
    connection.publish('inside', bytes);
    internals.flushNow();
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(Buffer.from(await arrived)).toEqual(Buffer.alloc(1000, 7));
    await connection.close();
  });

  test('is told a token, and refused without', async () => {
    const refused = ground.sender(ground.endpoint());
    await expect(refused).rejects.toMatchObject({ code: 'ENDPOINT_FORBIDDEN' });
    const transport = ground.transport({ token: 'secret' });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    // In pieces that fit into the `max_payload` of this server.
    expect(await sender.send(message(1, 500_000))).toBe('sent');
    using delivery = await receiver.receive();
    expect(delivery?.copy().equals(message(1, 500_000))).toBe(true);
  });

  test('a message whose memory is taken over under way cuts its receivers off', async () => {
    const transport = ground.transport({ token: 'secret' });
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, {}, transport);
    const receiver = await ground.receiver(endpoint, {}, transport);
    await sender.waitForReceivers();
    expect(await sender.send(message(0, 1000))).toBe('sent');
    // More than may be under way before the servers have said that they have it.
    const loan = await sender.loan(16 * 1024 * 1024);
    const kept = loan.bytes;
    const warned = new Promise((resolve) => process.once('warning', resolve));
    expect(loan.trySend()).toBe('sent');
    structuredClone(kept, { transfer: [kept.buffer as ArrayBuffer] });
    using first = await receiver.receive();
    expect(first?.copy().equals(message(0, 1000))).toBe(true);
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_REJECTED' });
    expect(await warned).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
    expect(sender.stats()).toMatchObject({ connectionsFailed: 1 });
    await receiver.close();
    await sender.flush();
    expect(sender.stats().bytesOut).toBe(0);
  });
});
