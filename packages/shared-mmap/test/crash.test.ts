import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type SharedMmapReceiver, sharedMmap } from '@pageferry/shared-mmap';
import { Child, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { isIntact, lengthOf, write } from './peers/stream.js';
import { seededRandom } from './support/random.js';
import { KIB, LIMIT, MIB, openStage, until } from './support/stage.js';

const folder = temporaryFolder();
const peer = (name: string): URL => new URL(`./peers/${name}.mjs`, import.meta.url);
const POLICIES = ['wait', 'drop-newest', 'drop-oldest'];
const KILLS = 12;

const leftovers = (): string[] =>
  [...readdirSync('/dev/shm'), ...readdirSync(tmpdir())].filter((name) =>
    /memfd|message|payload|control/.test(name),
  );
const before = leftovers();
afterAll(() => expect(leftovers()).toEqual(before));

describe('receivers that are killed in the middle of a busy stream', () => {
  expectNothingLeft();

  test('give back what they held, and disturb nobody', async () => {
    const random = seededRandom(4);
    await using stage = await openStage({ poolBytes: MIB });
    let over = false;
    let wrong = 0;
    let received = 0;
    const surviving = (async () => {
      for await (const delivery of stage.receiver) {
        if (delivery.sequence !== received++) wrong++;
        if (!isIntact(delivery.bytes, delivery.sequence)) wrong++;
        delivery.release();
      }
    })();
    let sent = 0;
    const sending = (async () => {
      for (; !over; sent++) {
        const loan = await stage.sender.loan(lengthOf(sent), LIMIT);
        write(loan.bytes, sent);
        expect(await loan.send(LIMIT)).toBe('sent');
        if (sent % 50 === 0) await new Promise(setImmediate);
      }
    })();
    // Two at a time, so that one dies beside the other, with whatever it holds at that moment.
    const round = async (number: number): Promise<void> => {
      const child = new Child(peer('stream-receiver'), [
        stage.sender.endpoint,
        POLICIES[number % 3] as string,
      ]);
      expect(await child.message()).toBe('connected');
      // Some die before they have received much, others after a while.
      if (number % 4 !== 0) expect(await child.message()).toBe('busy');
      const mark = received + random(200);
      await until(() => received > mark);
      await child.end('SIGKILL');
    };
    for (let number = 0; number < KILLS; number += 2) {
      await Promise.all([round(number), round(number + 1)]);
    }
    over = true;
    await sending;
    await stage.sender.flush(LIMIT);
    await until(() => stage.sender.receivers.length === 1);
    expect(stage.sender.stats().bytesOut).toBe(0);
    await stage.sender.close();
    await surviving;
    expect([wrong, received]).toEqual([0, sent]);
  }, 30_000);

  test('leave every byte of the pool to the sender', async () => {
    await using stage = await openStage({ poolBytes: 256 * KIB }, []);
    for (let round = 0; round < 3; round++) {
      await using child = new Child(peer('stream-receiver'), [stage.sender.endpoint]);
      await stage.sender.waitForReceivers(1, LIMIT);
      const sending = (async () => {
        for (let sent = 0; ; sent++) {
          const loan = await stage.sender.loan(1000, LIMIT);
          if ((await loan.send(LIMIT)) === 'no-receiver') {
            loan.release();
            return sent;
          }
        }
      })();
      expect(await child.message()).toBe('connected');
      await child.end('SIGKILL');
      expect(await sending).toBeGreaterThan(0);
      expect(stage.sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
      const whole = await stage.sender.loan(256 * KIB, LIMIT);
      whole.release();
    }
  });
});

describe('a sender that is killed in the middle of a busy stream', () => {
  expectNothingLeft();

  test.each([1, 2, 3, 4, 5, 6])(
    'leaves its receivers what it has published, then PEER_DIED (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const endpoint = folder.fresh();
      await using child = new Child(peer('stream-sender'), [endpoint, 'stream']);
      expect(await child.message()).toBe('ready');
      const receivers: SharedMmapReceiver[] = [];
      for (let count = 0; count < 2; count++) {
        receivers.push(await sharedMmap.createReceiver({ endpoint, ...LIMIT }));
      }
      const moment = 1 + random(2000);
      const counts = [0, 0];
      const seen = await Promise.all(
        receivers.map(async (receiver, index) => {
          const numbers: number[] = [];
          const error = await (async () => {
            for await (const delivery of receiver) {
              if (!isIntact(delivery.bytes, delivery.sequence)) throw new Error('wrong bytes');
              numbers.push(delivery.sequence);
              delivery.release();
              counts[index] = numbers.length;
              if (Math.min(...counts) === moment) void child.end('SIGKILL');
            }
          })().catch((reason: unknown) => reason);
          expect(error).toMatchObject({ code: 'PEER_DIED' });
          await expect(receiver.receive(LIMIT)).rejects.toMatchObject({ code: 'PEER_DIED' });
          return numbers;
        }),
      );
      for (const numbers of seen) {
        const first = numbers[0] as number;
        expect(numbers).toEqual(numbers.map((_, index) => first + index));
      }
      expect(seen[0]?.length).toBeGreaterThanOrEqual(moment);
      // Both have seen the same, up to the last message, which one may have missed.
      const [one, other] = seen.map((numbers) => numbers.at(-1) as number) as [number, number];
      expect(Math.abs(one - other)).toBeLessThanOrEqual(1);
      await Promise.all(receivers.map((receiver) => receiver.close()));
    },
  );

  test.each([
    ['close', undefined],
    ['destroy', 'PEER_DIED'],
  ])('is told from one that ends with %s', async (how, code) => {
    const endpoint = folder.fresh();
    await using child = new Child(peer('stream-sender'), [endpoint, '60']);
    await child.message();
    const receiver = await sharedMmap.createReceiver({ endpoint, ...LIMIT });
    expect(await child.message()).toBe('sent');
    child.send(how);
    expect(await child.exit).toBe(0);
    for (let number = 0; number < 60; number++) {
      using delivery = await receiver.receive(LIMIT);
      expect(isIntact(delivery?.bytes as Uint8Array, number)).toBe(true);
    }
    const end = await receiver.receive(LIMIT).catch((error) => error.code);
    expect(end).toBe(code);
    await receiver.close();
  });
});
