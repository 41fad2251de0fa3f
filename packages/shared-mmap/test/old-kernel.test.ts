import { EINVAL, F_SEAL_FUTURE_WRITE } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { callsWith, LIMIT } from './support/stage.js';

const real = loadLinuxCalls();
const folder = temporaryFolder();

/** A kernel before 5.1 answers EINVAL to seals that it does not know. */
const binding = callsWith({
  addSeals: (fd, seals) =>
    (seals & F_SEAL_FUTURE_WRITE) !== 0 ? -EINVAL : real.addSeals(fd, seals),
});

describe('a kernel that cannot seal memory against writing from now on', () => {
  expectNothingLeft();

  test('is named by the error, with the way out (11.30)', async () => {
    const creating = sharedMmap.createSender({ endpoint: folder.fresh(), binding });
    await expect(creating).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      argument: 'receiverAccess',
      errnoName: 'EINVAL',
      message: expect.stringMatching(/Linux 5\.1.*receiverAccess: 'read-write'/),
    });
  });

  test('has shared memory for receivers that are trusted (11.30)', async () => {
    const endpoint = folder.fresh();
    const options = { endpoint, binding, receiverAccess: 'read-write' } as const;
    await using sender = await sharedMmap.createSender(options);
    await using receiver = await sharedMmap.createReceiver({ endpoint, ...LIMIT });
    await sender.waitForReceivers(1, LIMIT);
    expect(await sender.send(Buffer.from('hello'), LIMIT)).toBe('sent');
    using delivery = await receiver.receive(LIMIT);
    expect(delivery?.copy().toString()).toBe('hello');
  });
});
