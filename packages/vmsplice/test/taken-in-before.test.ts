import { readSync } from 'node:fs';
import { createPipe, type Pipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { connect, LIMIT } from './support/hostile-pair.js';
import type { HostileSender } from './support/hostile-sender.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();

/** How many bytes a pipe holds; they are taken out. */
function countIn({ readEnd }: Pipe): number {
  return readSync(readEnd.fd, Buffer.alloc(65_536));
}

function close(...pipes: readonly Pipe[]): void {
  for (const { readEnd, writeEnd } of pipes) {
    readEnd.close();
    writeEnd.close();
  }
}

function arrive(sender: HostileSender, byteLength: number): void {
  sender.put(byteLength);
  sender.claim(byteLength);
}

describe('a message of which a receive has taken in some', () => {
  expectNothingLeft();

  test.each([
    [6000, 'read-write'],
    [2000, 'splice'],
  ])(
    'is moved on whole, to a second pipe too, after %i of 8192 bytes (%s)',
    async (first, method) => {
      await using pair = await connect(folder.fresh());
      const { sender, receiver } = pair;
      const [target, second] = [createPipe(calls), createPipe(calls)];
      sender.announce(8192);
      arrive(sender, first);
      expect(receiver.tryReceive()).toBeUndefined();
      arrive(sender, 8192 - first);
      const moved = await receiver.spliceTo(target.writeEnd.fd, {
        tee: second.writeEnd.fd,
        ...LIMIT,
      });
      expect(moved).toMatchObject({ byteLength: 8192, method });
      expect([countIn(target), countIn(second)]).toEqual([8192, 8192]);
      close(target, second);
    },
  );

  test('is not duplicated twice where the first destination fails', async () => {
    await using pair = await connect(folder.fresh());
    const { sender, receiver } = pair;
    const [broken, target, second] = [createPipe(calls), createPipe(calls), createPipe(calls)];
    broken.readEnd.close();
    sender.announce(8192);
    arrive(sender, 6000);
    expect(receiver.tryReceive()).toBeUndefined();
    arrive(sender, 2192);
    const tee = second.writeEnd.fd;
    await expect(receiver.spliceTo(broken.writeEnd.fd, { tee, ...LIMIT })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      errnoName: 'EPIPE',
    });
    await receiver.spliceTo(target.writeEnd.fd, { tee, ...LIMIT });
    expect([countIn(target), countIn(second)]).toEqual([8192, 8192]);
    close(broken, target, second);
  });

  test('is not duplicated into what is no pipe, and loses nothing', async () => {
    await using pair = await connect(folder.fresh());
    const { sender, receiver } = pair;
    const target = createPipe(calls);
    sender.announce(8192);
    arrive(sender, 6000);
    expect(receiver.tryReceive()).toBeUndefined();
    arrive(sender, 2192);
    const bell = calls.eventfd(0, 0);
    const moving = receiver.spliceTo(target.writeEnd.fd, { tee: bell, ...LIMIT });
    await expect(moving).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EINVAL' });
    using delivery = await receiver.receive(LIMIT);
    expect([delivery?.byteLength, delivery?.offset]).toEqual([8192, 0]);
    calls.close(bell);
    close(target);
  });
});
