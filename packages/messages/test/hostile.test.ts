import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, fuzzRuns, temporaryFolder, withCode } from '@pageferry/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openPorts } from './support/transports.js';

const { fresh } = temporaryFolder();

/** A number in V8's format. */
function number(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 128 : low);
  } while (rest > 0);
  return bytes;
}

/** A message with this head. */
function messageOf(head: number[], buffers: [offset: number, byteLength: number][] = []): Buffer {
  const prefix = Buffer.alloc(32);
  prefix.writeUInt32LE(0x31564650, 0);
  prefix.writeUInt32LE(head.length + 2, 8);
  prefix.writeUInt32LE(buffers.length, 16);
  const table = Buffer.from(Uint32Array.from(buffers.flat()).buffer);
  return Buffer.concat([prefix, table, Buffer.from([0xff, 15, ...head])]);
}

const CRAFTED: Record<string, Buffer> = {
  'an array of 2^30': messageOf([0x41, ...number(2 ** 30)]),
  'an array with holes of 30 million': messageOf([0x61, ...number(3e7), 0x40, 0, ...number(3e7)]),
  'arrays within arrays, each as long as what is left': messageOf(
    Array.from({ length: 300 }, (_, index) => [0x41, ...number(900 - 3 * index)]).flat(),
  ),
  'a text of 2^29': messageOf([0x22, ...number(2 ** 29)]),
  'a wide text of 2^29': messageOf([0x63, ...number(2 ** 29)]),
  'a BigInt of 2^29': messageOf([0x5a, ...number(2 ** 29)]),
  'an ArrayBuffer of 2^31': messageOf([0x42, ...number(2 ** 31)]),
  'a resizable ArrayBuffer of up to 2^31': messageOf([0x7e, 0, ...number(2 ** 31)]),
  'shared memory': messageOf([0x75, 0]),
  'a module': messageOf([0x77, 0]),
  'a view that is not there': messageOf([0x5c, 0]),
  'a buffer that is not there': messageOf([0x74, 0]),
  'a number of 40 bits': messageOf([0x55, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  'what is nested 100000 deep': messageOf(Array.from({ length: 100_000 }, () => [0x41, 1]).flat()),
  'more after the value': messageOf([0x54, 0x54]),
  'a buffer beyond the message': messageOf([0x74, 0], [[0, 2 ** 31]]),
  'the same memory as many buffers': messageOf([0x54], Array(1000).fill([0, 8000])),
  nothing: Buffer.alloc(0),
};

describe('bytes of a peer that are no value', () => {
  expectNothingLeft();

  test.each(Object.entries(CRAFTED))('are refused, and take no memory: %s', async (_, bytes) => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    await here.send('warm');
    (await there.receive())?.release();
    await here.channel.send(bytes);
    const before = process.memoryUsage();
    await expect(there.receive()).rejects.toEqual(withCode('PEER_MISBEHAVED'));
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(50e6);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16e6);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
    await here.send('good');
    expect((await there.receive({ copy: true }))?.value).toBe('good');
  });

  test('reject the request, and its answer, and are told to listeners', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    there.handle('it', () => 1);
    await expect(here.channel.request(Buffer.from('x'))).rejects.toMatchObject({
      cause: { code: 'PEER_MISBEHAVED' },
    });
    const errors: unknown[] = [];
    there.on('message', () => undefined).on('messageerror', (error) => void errors.push(error));
    await here.channel.send(Buffer.from('x'));
    await expect.poll(() => errors).toEqual([withCode('PEER_MISBEHAVED')]);
    expect(await here.call('it')).toBe(1);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
  });

  test('never do harm, be they random or a good message with changes', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const value = {
      text: 'some',
      list: [1, 2.5, 7n, new Array(3)],
      map: new Map([['k', new Set([1])]]),
      error: Object.assign(new TypeError('t', { cause: /x/g }), { code: 'C' }),
      bytes: new Uint8Array(100),
      floats: new Float64Array(9),
      buffer: new ArrayBuffer(40),
    };
    await here.send(value);
    const delivery = await there.channel.receive();
    const good = delivery?.copy() ?? Buffer.alloc(0);
    delivery?.release();
    const changed = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    const cut = fc.nat(good.length).map((length) => good.subarray(0, length));
    const outcomes = new Set<string>();
    let mostTaken = 0;
    const property = fc.asyncProperty(fc.oneof(changed, random, cut), async (bytes) => {
      await here.channel.send(bytes);
      const before = process.memoryUsage();
      const outcome = await there.receive().catch((error: unknown) => error);
      const after = process.memoryUsage();
      mostTaken = Math.max(mostTaken, after.arrayBuffers - before.arrayBuffers);
      if (outcome instanceof Error) expect(outcome).toEqual(withCode('PEER_MISBEHAVED'));
      else (outcome as Disposable)[Symbol.dispose]();
      outcomes.add(outcome instanceof Error ? 'refused' : 'taken');
    });
    await fc.assert(property, fuzzRuns(1500));
    expect([...outcomes].sort()).toEqual(['refused', 'taken']);
    // A pool of small buffers of Node's, at most, beside what a message has bytes.
    expect(mostTaken).toBeLessThan(256 * 1024);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
  });
});
