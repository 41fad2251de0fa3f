import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { drain, LIMIT, openStage, trySend, until } from './support/stage.js';

describe('what a sender knows of its receivers', () => {
  expectNothingLeft();

  test('who they are, in the order in which they came', async () => {
    await using stage = await openStage({}, [{}, { whenBehind: 'drop-oldest' }]);
    const [first, second] = stage.sender.receivers;
    const uid = process.getuid?.();
    expect(first).toMatchObject({ whenBehind: 'wait', credentials: { pid: process.pid, uid } });
    expect(second).toMatchObject({ whenBehind: 'drop-oldest' });
    expect(second?.id).not.toBe(first?.id);
  });

  test('how many messages and bytes each of them is behind', async () => {
    await using stage = await openStage({}, [{}, {}]);
    for (const length of [100, 0, 50]) trySend(stage.sender, length, 1);
    const behind = (): unknown[] =>
      stage.sender.receivers.map((info) => [info.messagesBehind, info.bytesBehind]);
    expect(behind()).toEqual([
      [3, 150],
      [3, 150],
    ]);
    const [first, , third] = drain(stage.receiver);
    expect(behind()[0]).toEqual([3, 150]);
    third?.release();
    expect(behind()[0]).toEqual([2, 100]);
    first?.release();
    expect(behind()).toEqual([
      [1, 0],
      [3, 150],
    ]);
  });

  test('a number that nobody else gets, when one takes the place of another', async () => {
    await using stage = await openStage({ maxReceivers: 1 });
    const ids = new Set<number>();
    for (let round = 0; round < 5; round++) {
      ids.add(stage.sender.receivers[0]?.id as number);
      await stage.receivers.at(-1)?.close();
      await until(() => stage.sender.receivers.length === 0);
      await stage.join();
    }
    expect(ids.size).toBe(5);
  });

  test('a snapshot does not change', async () => {
    await using stage = await openStage();
    trySend(stage.sender, 10, 1);
    const [before] = stage.sender.receivers;
    for (const delivery of drain(stage.receiver)) delivery.release();
    await stage.sender.flush(LIMIT);
    expect(before).toMatchObject({ messagesBehind: 1, bytesBehind: 10 });
  });
});
