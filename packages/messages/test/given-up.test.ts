import { shared } from '@pageferry/messages';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { openPorts, transports } from './support/transports.js';

const { fresh } = temporaryFolder();

describe.each(transports)('a request over $name that is given up', (transport) => {
  expectNothingLeft();

  test('fires the signal of its handler, and no other one', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const signals = new Map<string, AbortSignal>();
    let answer: (value: unknown) => void = () => undefined;
    there.handle('wait', (name: string, { signal }) => {
      signals.set(name, signal);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve('too late'));
        if (name === 'other') answer = resolve;
      });
    });
    const stop = new AbortController();
    const given = here.call('wait', 'given', { signal: stop.signal });
    const other = here.call('wait', 'other', { signal: new AbortController().signal });
    await expect.poll(() => signals.size).toBe(2);
    stop.abort();
    await expect(given).rejects.toEqual(withCode('ABORTED'));
    await expect.poll(() => signals.get('given')?.aborted).toBe(true);
    expect(signals.get('given')?.reason).toEqual(withCode('ABORTED'));
    expect(signals.get('other')?.aborted).toBe(false);
    answer('in time');
    expect(await other).toBe('in time');
    await expect.poll(() => here.channel.stats().requestsOpen).toBe(0);
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(0);
  });

  test('tells a handler that asks for the signal only later', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    let goOn: (value?: unknown) => void = () => undefined;
    const seen: boolean[] = [];
    there.handle('late', async (_, context) => {
      await new Promise((resolve) => {
        goOn = resolve;
      });
      seen.push(context.signal.aborted);
      return there.compose({ answer: shared(Uint8Array, 100) });
    });
    there.handle('ping', () => 'pong');
    const stop = new AbortController();
    const question = await here.compose({ bytes: shared(Uint8Array, 10) });
    const asking = here.call('late', question, { signal: stop.signal });
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(1);
    stop.abort();
    await expect(asking).rejects.toEqual(withCode('ABORTED'));
    // What was sent after the news is answered after it was told.
    expect(await here.call('ping')).toBe('pong');
    goOn();
    await expect.poll(() => seen).toEqual([true]);
    await expect.poll(() => there.channel.stats().loansHeld).toBe(0);
    await expect.poll(() => here.channel.stats().requestsOpen).toBe(0);
  });

  test('is no message to who receives', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    let began = false;
    there.handle('wait', (_, { signal }) => {
      began = true;
      return new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const stop = new AbortController();
    const asking = here.call('wait', 1, { signal: stop.signal }).catch(() => undefined);
    await expect.poll(() => began).toBe(true);
    stop.abort();
    await asking;
    await here.send('after it');
    expect((await there.receive({ copy: true }))?.value).toBe('after it');
  });
});

describe.each(transports)('a request over $name', (transport) => {
  test('that comes while nothing handles requests waits for a handler', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    there.handle('it', () => 1);
    expect(await here.call('it')).toBe(1);
    there.unhandle('it');
    const asking = here.call('it');
    await expect.poll(() => there.channel.stats().deliveriesHeld).toBe(1);
    there.handle('it', () => 2);
    expect(await asking).toBe(2);
  });
});
