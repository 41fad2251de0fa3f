import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { openPorts, transports } from './support/transports.js';

const { fresh } = temporaryFolder();

describe.each(transports)('a port over $name', (transport) => {
  expectNothingLeft();

  test('lets a handler run on, and answers, before it looks for what comes next', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const order: string[] = [];
    const { channel } = there;
    const receive = channel.receive.bind(channel);
    vi.spyOn(channel, 'receive').mockImplementation((options) => {
      order.push('looks');
      return receive(options);
    });
    there.handle('slow', async (value: string) => {
      // As a handler is that awaits others, which await others.
      for (let step = 0; step < 50; step++) await null;
      order.push(`answers ${value}`);
      return value;
    });
    expect(await here.call('slow', 'one')).toBe('one');
    expect(await here.call('slow', 'two')).toBe('two');
    // The port looks once more when it has answered the last one.
    await expect.poll(() => order.length).toBe(5);
    expect(order).toEqual(['looks', 'answers one', 'looks', 'answers two', 'looks']);
  });

  test('gives the memory of a request back as soon as the answer has left', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const { channel } = there;
    const receive = channel.receive.bind(channel);
    const released: boolean[] = [];
    vi.spyOn(channel, 'receive').mockImplementation(async (options) => {
      const delivery = await receive(options);
      if (delivery === undefined) return delivery;
      const respond = delivery.respond.bind(delivery);
      vi.spyOn(delivery, 'respond').mockImplementation((answer, limits) => {
        const outcome = respond(answer, limits);
        queueMicrotask(() => released.push(delivery.released));
        return outcome;
      });
      return delivery;
    });
    there.handle('echo', (value) => value);
    expect(await here.call('echo', new Uint8Array(1000).fill(7))).toEqual(
      new Uint8Array(1000).fill(7),
    );
    expect(released).toEqual([true]);
  });

  test('lets a listener run on before it looks for what comes next', async () => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    const order: string[] = [];
    const { channel } = there;
    const receive = channel.receive.bind(channel);
    vi.spyOn(channel, 'receive').mockImplementation((options) => {
      order.push('looks');
      return receive(options);
    });
    there.on('message', async (value) => {
      for (let step = 0; step < 50; step++) await null;
      order.push(`has ${String(value)}`);
    });
    await here.send('one');
    await expect.poll(() => order.length).toBe(3);
    expect(order).toEqual(['looks', 'has one', 'looks']);
  });
});
