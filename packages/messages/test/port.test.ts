import type { PageferryError } from '@pageferry/core';
import { type Port, shared } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { openPorts, transports } from './support/transports.js';

const { fresh } = temporaryFolder();

interface Picture {
  meta: { width: number };
  pixels: Uint8Array;
}

describe.each(transports)('a port over $name', (transport) => {
  expectNothingLeft();

  test('carries a value, and its buffer in the memory of the message', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const pixels = new Uint8Array(100_000).fill(7);
    expect(await here.send({ meta: { width: 5 }, pixels }, { tag: 3 })).toBe('sent');
    const message = await there.receive<Picture>();
    expect(message?.tag).toBe(3);
    expect(message?.value).toEqual({ meta: { width: 5 }, pixels });
    expect(there.channel.stats().deliveriesHeld).toBe(1);
    message?.release();
    expect(() => message?.value).toThrow(withCode('DELIVERY_RELEASED'));
    expect(there.channel.stats().deliveriesHeld).toBe(0);
  });

  test('carries what is too large for caches whole, whatever it is aligned to', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const pattern = Uint8Array.from({ length: 251 }, (_, index) => index);
    const pixels = Buffer.alloc(20_000_000, pattern).subarray(7, -9);
    const [outcome, got] = await Promise.all([
      here.send({ before: Uint8Array.of(1, 2, 3), pixels, after: 'text' }),
      there.receive<{ before: Uint8Array; pixels: Buffer; after: string }>(),
    ]);
    expect(outcome).toBe('sent');
    expect(got?.value.before).toEqual(Uint8Array.of(1, 2, 3));
    expect(got?.value.pixels.equals(pixels)).toBe(true);
    expect(got?.value.after).toBe('text');
    got?.release();
  });

  test('sends in the order of the calls, also where the first one has waited for memory', async () => {
    for (let microtasks = 0; microtasks < 12; microtasks++) {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      const { channel } = here;
      const { tryLoan, loan } = channel;
      const calls: Promise<unknown>[] = [];
      // As where there is no memory at first, and then for all.
      channel.tryLoan = () => undefined;
      channel.loan = async (byteLength, options) => {
        channel.loan = loan;
        const lent = await loan.call(channel, byteLength, options);
        channel.tryLoan = tryLoan;
        let later = Promise.resolve();
        for (let count = 0; count < microtasks; count++) later = later.then(() => undefined);
        calls.push(later.then(() => here.send('third')));
        return lent;
      };
      calls.push(
        here.send('first'),
        here.call('second').catch(() => undefined),
      );
      const order: unknown[] = [];
      there.handle('second', () => order.push('second'));
      there.on('message', (value) => order.push(value));
      await expect.poll(() => order).toHaveLength(3);
      expect(order).toEqual(['first', 'second', 'third']);
      await Promise.all(calls);
    }
  });

  describe('whose memory is all out', () => {
    const poolBytes = 64 * 1024;
    const large = new Uint8Array(40_000);

    test('has those that wait go in the order of their calls, whatever they are', async () => {
      await using ports = await openPorts(transport, fresh(), { poolBytes });
      const { here, there } = ports;
      const held = await here.channel.loan(60_000);
      const lent: number[] = [];
      const calls = [
        here.send(1),
        here.send(large),
        here.compose(large).then((composed) => {
          lent.push(here.channel.stats().messagesSent);
          composed.release();
        }),
        here.send(large),
      ];
      there.on('message', () => undefined, { lifetime: 'explicit' });
      held.release();
      await Promise.all(calls);
      expect(lent).toEqual([2]);
    });

    test('has one that gives up change nothing for those before it and behind it', async () => {
      for (let microtasks = 0; microtasks < 12; microtasks++) {
        await using ports = await openPorts(transport, fresh(), { poolBytes });
        const { here, there } = ports;
        const held = await here.channel.loan(60_000);
        const some = new Uint8Array(20_000);
        const order: unknown[] = [];
        const timeout = 15_000;
        const calls = [here.send([1, some], { timeout })];
        await expect(here.send([0, some], { timeout: 1 })).rejects.toThrow(withCode('TIMEOUT'));
        held.release();
        for (let count = 0; count < microtasks; count++) await null;
        calls.push(here.send([2, some]));
        there.on('message', (value) => order.push((value as unknown[])[0]), { lifetime: 'copy' });
        await Promise.all(calls);
        await expect.poll(() => order).toEqual([1, 2]);
      }
    });

    test('tells whoever waits why it is given up: behind others, and alone', async () => {
      await using ports = await openPorts(transport, fresh(), { poolBytes });
      const { here } = ports;
      using _ = await here.channel.loan(60_000);
      const timeout = 20;
      const why = { code: 'TIMEOUT', message: expect.stringContaining('memory for its 40') };
      const calls = [
        here.send(large, { timeout }),
        here.send(large, { timeout }),
        here.call('it', large, { timeout }),
      ];
      await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject(why)));
      await expect(here.send(large, { timeout })).rejects.toMatchObject(why);
      await expect(here.call('it', large, { timeout })).rejects.toMatchObject(why);
    });

    test('tells whoever has aborted, also by a signal of another realm that gives no reason', async () => {
      await using ports = await openPorts(transport, fresh(), { poolBytes });
      const { here } = ports;
      using _ = await here.channel.loan(60_000);
      /** As in old browsers' realms, and polyfills: it has no reason. */
      class PlainSignal extends EventTarget {
        aborted = false;
      }
      const signal = new PlainSignal();
      const options = { signal: signal as unknown as AbortSignal };
      const calls = [
        here.send(large, options),
        here.call('it', large, options),
        here.compose(large, options),
      ].map((call) => expect(call).rejects.toMatchObject({ code: 'ABORTED' }));
      await turns(2);
      signal.aborted = true;
      signal.dispatchEvent(new Event('abort'));
      await Promise.all(calls);
    });

    test.each(['close', 'destroy'] as const)('has all of them told of its %s', async (how) => {
      await using ports = await openPorts(transport, fresh(), { poolBytes });
      const { here } = ports;
      here.on('message', () => undefined);
      const held = await here.channel.loan(60_000);
      async function theCaller(call: Promise<unknown>): Promise<void> {
        await call;
      }
      const calls = [here.send(large), here.send(large), here.call('it', large), here.send(large)]
        .map(theCaller)
        .map((call) => expect(call).rejects.toMatchObject({ code: 'CLOSED' }));
      await turns(2);
      const ending = here[how]();
      await Promise.all(calls);
      held.release();
      await ending;
    });
  });

  describe('of which nobody wants to know more than its end', () => {
    const endOf = (port: Port): unknown[][] => {
      const ends: unknown[][] = [];
      port.on('close', (...reason) => void ends.push(reason));
      return ends;
    };

    test.each(['close', 'destroy'] as const)('tells of it (%s)', async (how) => {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      const ends = endOf(there);
      await here[how]();
      await expect.poll(() => ends).toHaveLength(1);
      const [[reason] = []] = ends;
      if (how === 'close') expect(reason).toBeUndefined();
      else expect(reason).toMatchObject({ code: 'PEER_DIED' });
    });

    test('loses nothing that came before it, and tells of it behind that', async () => {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      const ends = endOf(there);
      for (const value of [1, 2, 3]) await here.send(value);
      const answer = here.call('double', 4);
      await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(1);
      for (const value of [1, 2, 3]) expect((await there.receive())?.value).toBe(value);
      expect(ends).toEqual([]);
      there.handle('double', (value: number) => 2 * value);
      expect(await answer).toBe(8);
      there.unhandle('double');
      const closing = here.close();
      await expect.poll(() => ends).toEqual([[undefined]]);
      await closing;
    });

    test('answers no question before somebody handles questions', async () => {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      endOf(there);
      const answer = here.call('double', 4);
      await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(1);
      there.handle('double', (value: number) => 2 * value);
      expect(await answer).toBe(8);
    });

    test('takes nothing once nobody wants to know even that', async () => {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      const listener = (): void => undefined;
      there.on('close', listener).off('close', listener);
      await here.send('kept');
      expect(there.channel.stats().messagesReceived).toBe(0);
      expect((await there.receive({ copy: true }))?.value).toBe('kept');
    });
  });

  test('does not wait for memory for somebody who is gone', async () => {
    const poolBytes = 64 * 1024;
    await using ports = await openPorts(transport, fresh(), { poolBytes });
    const { here, there } = ports;
    // Who reads learns that the other side is gone.
    here.on('message', () => undefined);
    const pixels = new Uint8Array(60_000);
    const composed = await here.compose(shared(Uint8Array, pixels.length));
    const gone = (call: Promise<unknown>) =>
      expect(
        (async function theCaller() {
          await call;
        })(),
      ).rejects.toMatchObject({ code: 'PEER_DIED', stack: expect.stringContaining('theCaller') });
    const ends = [
      gone(here.compose(pixels)),
      gone(here.compose(pixels, { timeout: 60_000 })),
      gone(here.request('name', pixels)),
      expect(here.send(pixels)).resolves.toBe('no-receiver'),
      expect(here.send(pixels, { timeout: 60_000 })).resolves.toBe('no-receiver'),
    ];
    await there.channel.destroy();
    await Promise.all(ends);
    expect(composed.owned).toBe(true);
    composed.release();
    expect(await here.send(pixels)).toBe('no-receiver');
    expect(here.channel.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0, requestsOpen: 0 });
  });

  test('composes a value in a loan, to be filled there', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    using message = await here.compose({ meta: { width: 2 }, pixels: shared(Float64Array, 1000) });
    expect(message.value.pixels).toHaveLength(1000);
    message.value.pixels.fill(0.5);
    expect(await message.send()).toBe('sent');
    expect(() => message.value).toThrow(withCode('LOAN_NOT_OWNED'));
    using got = await there.receive<{ pixels: Float64Array }>();
    expect(got?.value.pixels).toEqual(new Float64Array(1000).fill(0.5));
    const second = await here.compose({ pixels: shared(Uint8Array, 10) });
    expect(here.channel.stats().loansHeld).toBe(1);
    second.release();
    expect(here.channel.stats().loansHeld).toBe(0);
  });

  test('answers by name, with values and with what was composed', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    there.handle('double', (value: Picture) => ({
      ...value,
      pixels: value.pixels.map((x) => x * 2),
    }));
    there.handle('compose', async () => {
      const answer = await there.compose({ out: shared(Int32Array, 3) });
      answer.value.out.set([1, 2, 3]);
      return answer;
    });
    const question = { meta: { width: 1 }, pixels: Uint8Array.of(1, 2) };
    {
      using answer = await here.request<Picture>('double', question);
      expect(answer.value.pixels).toEqual(Uint8Array.of(2, 4));
    }
    using composed = await here.compose({ meta: { width: 1 }, pixels: shared(Uint8Array, 2) });
    composed.value.pixels.set([4, 5]);
    expect((await here.call<Picture>('double', composed)).pixels).toEqual(Uint8Array.of(8, 10));
    expect(await here.call('compose')).toEqual({ out: Int32Array.of(1, 2, 3) });
    expect(here.channel.stats().deliveriesHeld).toBe(0);
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(0);
    await expect.poll(() => there.channel.stats().bytesOut).toBe(0);
  });

  test('tells the error of a handler with its name, message, code, stack and cause', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    there.handle('fail', function failing() {
      const cause = new RangeError('deep');
      throw Object.assign(new Error('no', { cause }), {
        name: 'Refused',
        code: 'E_NO',
        on: () => 0,
      });
    });
    const error = await here.request('fail').catch((reason: unknown) => reason);
    expect(error).toEqual(withCode('REQUEST_FAILED'));
    const { cause } = error as { cause: Error };
    expect(cause).toMatchObject({ name: 'Refused', message: 'no', code: 'E_NO' });
    expect(cause.stack).toContain('failing');
    expect(cause.cause).toBeInstanceOf(RangeError);
  });

  test.each([['a word'], [undefined], [{ toString: 1 }], [{ message: { toString: 1 } }]])(
    'tells whatever a handler throws (%j)',
    async (thrown) => {
      await using ports = await openPorts(transport, fresh());
      const { here, there } = ports;
      there.handle('fail', () => {
        throw thrown;
      });
      const error = await here.request('fail').catch((reason: unknown) => reason);
      expect(error).toEqual(withCode('REQUEST_FAILED'));
      expect((error as PageferryError).cause).toEqual(thrown);
    },
  );

  test('says that a name has no handler, and that an answer cannot be cloned', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    there.handle('function', () => () => 0);
    await expect(here.request('other')).rejects.toEqual(withCode('NO_HANDLER'));
    const error = await here.call('function').catch((reason: unknown) => reason);
    expect((error as PageferryError).cause).toMatchObject({ code: 'NOT_CLONEABLE' });
    there.unhandle('function');
    there.handle('else', () => 1);
    await expect(here.request('function')).rejects.toEqual(withCode('NO_HANDLER'));
    await expect(here.request('')).rejects.toEqual(withCode('INVALID_ARGUMENT'));
  });

  test('keeps a listener’s values, or gives them back when it has returned', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const kept: Uint8Array[] = [];
    let done: () => void = () => undefined;
    const first = (value: unknown): void => void kept.push(value as Uint8Array);
    there.on('message', first);
    await here.send(Uint8Array.of(1, 2));
    await expect.poll(() => kept).toEqual([Uint8Array.of(1, 2)]);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
    there.off('message', first);
    let value: unknown;
    there.on(
      'message',
      (got) => {
        value = got;
        return new Promise<void>((resolve) => {
          done = resolve;
        });
      },
      { lifetime: 'explicit' },
    );
    await here.send(Uint8Array.of(3));
    await expect.poll(() => value).toEqual(Uint8Array.of(3));
    if (transport.name === 'shared-mmap') expect(there.channel.stats().deliveriesHeld).toBe(1);
    done();
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(0);
    expect(kept).toEqual([Uint8Array.of(1, 2)]);
  });

  test('serves requests while nobody receives the messages among them, and keeps those in order', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    there.handle('name', () => 'there');
    for (let number = 0; number < 5; number++) await here.send(number);
    expect(await here.call('name')).toBe('there');
    const got: unknown[] = [];
    for await (using message of there) {
      got.push(message.value);
      if (got.length === 5) break;
    }
    expect(got).toEqual([0, 1, 2, 3, 4]);
  });

  test('ends as its channel does', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const signals: AbortSignal[] = [];
    there.handle('wait', (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    const asked = here.request('wait').catch((reason: unknown) => reason);
    await expect.poll(() => signals.length).toBe(1);
    const receiving = here.receive();
    await here.send('last');
    await here.channel.finish();
    expect((await there.receive())?.value).toBe('last');
    expect(await there.receive()).toBeUndefined();
    await there.close();
    expect(signals[0]?.aborted).toBe(true);
    expect(await receiving).toBeUndefined();
    expect(await asked).toBeInstanceOf(Error);
  });

  test('tells handlers and listeners of the death of the other side', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const signals: AbortSignal[] = [];
    const reasons: unknown[] = [];
    there.handle('wait', (_, { signal }) => {
      signals.push(signal);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(0)));
    });
    there.on('close', (reason) => void reasons.push(reason));
    const asked = here.request('wait').catch((reason: unknown) => reason);
    await expect.poll(() => signals.length).toBe(1);
    await here.destroy();
    await expect.poll(() => reasons).toEqual([withCode('PEER_DIED')]);
    expect(signals[0]?.aborted).toBe(true);
    expect(await asked).toEqual(withCode('CLOSED'));
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(0);
  });

  test('loses nothing by a receive that is given up', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    await expect(there.receive({ timeout: 1 })).rejects.toEqual(withCode('TIMEOUT'));
    const signal = AbortSignal.abort();
    await expect(there.receive({ signal })).rejects.toEqual(withCode('ABORTED'));
    await here.send('it');
    expect((await there.receive({ copy: true }))?.value).toBe('it');
  });
});

test('over shared memory the bytes of a message are where they were filled, and aligned', async () => {
  await using ports = await openPorts(sharedMmap, fresh());
  const { here, there } = ports;
  await here.send({ text: 'x', a: new Float64Array(100), b: new Uint8Array(1000) });
  using message = await there.receive<{ a: Float64Array; b: Uint8Array }>();
  expect(message?.value.a.byteOffset).toSatisfy((offset: number) => offset % 64 === 0);
  expect(message?.value.a.buffer).toBe(message?.value.b.buffer);
});

test('what was not composed has no placeholder', async () => {
  await using ports = await openPorts(sharedMmap, fresh());
  await expect(ports.here.send({ a: shared(Uint8Array, 5) })).rejects.toEqual(
    withCode('INVALID_ARGUMENT'),
  );
  expect(() => shared(Uint8Array, -1)).toThrow(withCode('INVALID_ARGUMENT'));
  expect(() => shared(Map as never, 1)).toThrow(withCode('INVALID_ARGUMENT'));
});
