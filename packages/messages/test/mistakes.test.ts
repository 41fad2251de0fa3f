import { type Message, shared, toMessagePort } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { encode } from '../dist/encode.js';
import { openPorts } from './support/transports.js';

const { fresh } = temporaryFolder();

/** What a handler may throw that is no ordinary error, and what is left of it. */
const THROWN: readonly (readonly [name: string, make: () => unknown, message: string])[] = [
  [
    'an error whose message cannot be read',
    () => Object.defineProperty(new Error('x'), 'message', { get: thrower }),
    'an error without a message',
  ],
  [
    'an error with a property that cannot be read',
    () => Object.defineProperty(new Error('kept'), 'more', { get: thrower, enumerable: true }),
    'kept',
  ],
  ['a Proxy that throws', () => new Proxy({}, { get: thrower }), 'an error without a message'],
  ['a revoked Proxy', revoked, 'an error without a message'],
];

function thrower(): never {
  throw new Error('inner');
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('mistakes of a program', () => {
  expectNothingLeft();

  test.each(THROWN)('%s that a handler throws is told', async (_, make, message) => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    there.handle('fail', () => {
      throw make();
    });
    const error: unknown = await here.call('fail').catch((reason: unknown) => reason);
    expect(error).toEqual(withCode('REQUEST_FAILED'));
    expect((error as Error).cause).toMatchObject({ message });
  });

  test('a handler whose answer was sent before is told as the error that it is', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const kept = await there.compose({ bytes: shared(Uint8Array, 8) });
    there.handle('twice', () => kept);
    expect(await here.call('twice')).toEqual({ bytes: new Uint8Array(8) });
    const error: unknown = await here.call('twice').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'REQUEST_FAILED',
      cause: expect.objectContaining({ code: 'LOAN_NOT_OWNED' }),
    });
  });

  test('a handler that answers with a message of another port is told so', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    await using others = await openPorts(sharedMmap, fresh());
    const foreign = await others.here.compose(1);
    ports.there.handle('foreign', () => foreign);
    const error: unknown = await ports.here.call('foreign').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'REQUEST_FAILED',
      cause: expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    });
    foreign.release();
  });

  test('options and listeners that are none are refused', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here } = ports;
    const composed = await here.compose(1);
    const nothing = null as never;
    for (const call of [
      () => here.send(1, nothing),
      () => here.receive(nothing),
      () => here.call('x', 1, nothing),
      () => here.request('x', 1, nothing),
      () => composed.send(nothing),
      async () => here.on('message', () => undefined, nothing),
      async () => here.on('message', 5 as never),
      async () => here.on('close', undefined as never),
      async () => here.off('closed' as 'close', () => undefined),
    ]) {
      await expect(call()).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    }
    composed.release();
  });

  test('what can only be found out while it is written cannot be cloned, either', () => {
    expect(() => encode({ p: revoked() })).toThrow(withCode('NOT_CLONEABLE'));
    let reads = 0;
    const value = {
      forV8: new Date(),
      get changing() {
        return reads++ === 0 ? 1 : new SharedArrayBuffer(8);
      },
    };
    expect(() => encode(value)).toThrow(withCode('NOT_CLONEABLE'));
  });

  test('a listener is taken back from one event alone', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const came = new Promise<unknown>((resolve) => {
      const listener = (value: unknown): void => resolve(value);
      there.on('message', listener);
      there.on('close', listener);
      there.off('close', listener);
    });
    await here.send('still');
    expect(await came).toBe('still');
  });

  test('each listener releases its message for itself alone', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const seen: unknown[] = [];
    const explicit = { lifetime: 'explicit' } as const;
    there.on('message', (_, message) => message.release(), explicit);
    const last = new Promise<Message>((resolve) => {
      there.on(
        'message',
        (value, message) => {
          seen.push(value, message.value, message.released);
          resolve(message);
        },
        explicit,
      );
    });
    const bytes = new Uint8Array(100_000).fill(7);
    await here.send(bytes);
    const message = await last;
    expect(seen).toEqual([bytes, bytes, false]);
    // Its memory goes back when all have been called.
    while (there.channel.stats().deliveriesHeld > 0) await new Promise(setImmediate);
    expect(message.released).toBe(true);
  });

  test('an adapter keeps the listeners of each event apart, and calls one for once only once', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const port = toMessagePort(ports.there);
    const heard: string[] = [];
    const listener = ({ type, data }: { type: string; data?: unknown }): void => {
      heard.push(type === 'message' ? `${type} ${String(data)}` : type);
    };
    port.addEventListener('message', listener);
    port.addEventListener('close', listener);
    port.removeEventListener('messageerror', listener);
    port.addEventListener('message', ({ data }: { data: unknown }) => heard.push(`once ${data}`), {
      once: true,
    });
    for (const value of [1, 2]) await ports.here.send(value);
    await ports.here.close();
    while (!heard.includes('close')) await new Promise(setImmediate);
    expect(heard).toEqual(['message 1', 'once 1', 'message 2', 'close']);
  });
});
