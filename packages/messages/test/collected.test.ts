import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PageferryError } from '@pageferry/core';
import { toMessagePort } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { openPorts, transports } from './support/transports.js';

const { fresh } = temporaryFolder();

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage, and has the event loop tell of it. */
async function collected(): Promise<void> {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Each look takes a collection. */
const PATIENCE = { timeout: 15_000 };

const LARGE = 1024 * 1024;

interface Picture {
  readonly number: number;
  readonly pixels: Uint8Array;
}

function picture(number: number, byteLength = LARGE): Picture {
  return { number, pixels: new Uint8Array(byteLength).fill(number) };
}

function isRight({ number, pixels }: Picture): boolean {
  return Buffer.from(pixels.buffer, pixels.byteOffset, pixels.length).equals(
    Buffer.alloc(pixels.length, number),
  );
}

function sumOf(parts: readonly Uint8Array[]): number {
  return parts.flatMap((part) => [...part]).reduce((sum, each) => sum + each, 0);
}

describe('values that live until they are collected, over shared memory', () => {
  expectNothingLeft();

  test('are read in place, and their memory goes back with the last view of a view', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const held = () => there.channel.stats().deliveriesHeld;
    const parts: Uint8Array[] = [];
    there.on('message', (value) => {
      const { number, pixels } = value as Picture;
      if (number === 7) parts.push(pixels.subarray(1000, 2000));
    });
    await here.send(picture(7));
    await expect.poll(() => parts.length, PATIENCE).toBe(1);
    expect(held()).toBe(1);
    // Neither the value nor its view is reachable any more; the memory is.
    for (let number = 20; number < 30; number++) {
      await collected();
      await here.send(picture(number));
      expect(held()).toBeGreaterThanOrEqual(1);
      expect(sumOf(parts)).toBe(7000);
    }
    parts.length = 0;
    await expect
      .poll(async () => {
        await collected();
        return held();
      }, PATIENCE)
      .toBe(0);
  });

  test('never stall their sender, however many are kept', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const kept: Picture[] = [];
    there.on('message', (value) => void kept.push(value as Picture));
    // Several times the pool of 64 MiB.
    const count = 200;
    for (let number = 0; number < count; number++) await here.send(picture(number));
    await expect.poll(() => kept.length, PATIENCE).toBe(count);
    expect(kept.every(isRight)).toBe(true);
    expect(kept.map(({ number }) => number)).toEqual([...kept.keys()]);
    const { deliveriesHeld, bytesHeld } = there.channel.stats();
    expect(deliveriesHeld).toBeGreaterThan(0);
    expect(bytesHeld).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(await here.send(picture(1, 40 * LARGE))).toBe('sent');
  });

  test('are copied where they are small, and pin nothing', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const kept: Picture[] = [];
    there.on('message', (value) => void kept.push(value as Picture));
    for (let number = 0; number < 50; number++) await here.send(picture(number, 4000));
    await here.send({ number: 0, text: 'x'.repeat(LARGE) });
    await expect.poll(() => kept.length, PATIENCE).toBe(51);
    expect(there.channel.stats().deliveriesHeld).toBe(0);
    expect(kept.slice(0, 50).every(isRight)).toBe(true);
  });

  test('keep their bytes when the channel is closed, and cannot be transferred', async () => {
    const kept: Picture[] = [];
    {
      await using ports = await openPorts(sharedMmap, fresh());
      const { here, there } = ports;
      there.on('message', (value) => void kept.push(value as Picture));
      await here.send(picture(3));
      await expect.poll(() => kept.length, PATIENCE).toBe(1);
      expect(there.channel.stats().deliveriesHeld).toBe(1);
      const { buffer } = (kept[0] as Picture).pixels;
      // Older versions of Node clone it instead.
      try {
        structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      } catch (error) {
        expect(error).toMatchObject({ name: 'DataCloneError' });
      }
      expect(buffer.byteLength).toBeGreaterThan(LARGE);
      expect(isRight(structuredClone(kept[0] as Picture))).toBe(true);
    }
    expect(isRight(kept[0] as Picture)).toBe(true);
    kept.length = 0;
    await collected();
  });

  test('are given beside those of other lifetimes, and are not those of a MessagePort', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const got: Picture[] = [];
    const take = (value: unknown): void => void got.push(value as Picture);
    there.on('message', take);
    there.on('message', (value) => take(value), { lifetime: 'copy' });
    toMessagePort(there).on('message', (value) => take(value));
    there.on('message', (value) => expect(isRight(value as Picture)).toBe(true), {
      lifetime: 'explicit',
    });
    await here.send(picture(9));
    await expect.poll(() => got.length, PATIENCE).toBe(3);
    expect(got.every(isRight)).toBe(true);
    // Ordinary memory may be written to.
    for (const { pixels } of got.slice(1)) pixels.fill(1);
    expect(isRight(got[0] as Picture)).toBe(true);
    expect(there.channel.stats().deliveriesHeld).toBe(1);
    expect(() => there.on('message', take, { lifetime: 'long' as never })).toThrow(
      withCode('INVALID_ARGUMENT'),
    );
  });

  test('that are none are told as such, and hold nothing', async () => {
    await using ports = await openPorts(sharedMmap, fresh());
    const { here, there } = ports;
    const errors: unknown[] = [];
    there
      .on('message', () => undefined)
      .on('messageerror', (error) => void errors.push((error as PageferryError).code));
    const bytes = Buffer.alloc(LARGE);
    // One view, and a head that is none.
    new Uint32Array(bytes.buffer, bytes.byteOffset).set([0x31564650, 0, 4, 1]);
    await here.channel.send(bytes);
    await expect.poll(() => errors, PATIENCE).toEqual(['PEER_MISBEHAVED']);
    await expect
      .poll(async () => {
        await collected();
        return there.channel.stats().deliveriesHeld;
      }, PATIENCE)
      .toBe(0);
  });
});

test.each(transports)(
  'a delivery over $name may be left to the collector, or not',
  async (transport) => {
    await using ports = await openPorts(transport, fresh());
    const { here, there } = ports;
    await here.channel.send(Buffer.alloc(LARGE, 5));
    const delivery = await there.channel.receive();
    const bytes = delivery?.untilCollected();
    if (transport.capabilities.zeroCopyReceive) {
      expect(Buffer.alloc(LARGE, 5).equals(bytes as Uint8Array)).toBe(true);
      expect(bytes?.buffer).not.toBe(delivery?.bytes.buffer);
    } else {
      expect(bytes).toBeUndefined();
      delivery?.release();
      expect(() => delivery?.untilCollected()).toThrow(withCode('DELIVERY_RELEASED'));
    }
  },
);

interface Sample {
  readonly side: 'sender' | 'receiver';
  readonly number: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly mappings: number;
}

test('many times the pool of values do not stall their sender, and leave nothing on either side', {
  timeout: 120_000,
}, async ({ signal }) => {
  const count = 5000;
  const program = fileURLToPath(new URL('./programs/collected.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, `${count}`], { signal });
  const samples = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);
  for (const side of ['sender', 'receiver']) {
    const own = samples.filter((sample) => sample.side === side);
    const [middle, end] = [own.at(-6), own.at(-1)] as [Sample, Sample];
    expect([middle.number, end.number]).toEqual([count / 2, count]);
    // Each of the 2500 messages between them would keep 64 KiB, an object and a mapping.
    expect(end.external - middle.external).toBeLessThan(80e6);
    expect(end.heapUsed - middle.heapUsed).toBeLessThan(2e6);
    expect(end.mappings - middle.mappings).toBeLessThan(300);
  }
});
