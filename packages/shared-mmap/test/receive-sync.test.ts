import { Child, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { drain, LIMIT, openStage, trySend, until } from './support/stage.js';
import { SyncReceiver } from './support/sync-receiver.js';

const folder = temporaryFolder();
const codeOf = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a thread that waits with receiveSync', () => {
  expectNothingLeft();

  test.each([0, 100])('gets every message, and then the end (spinning for %i us)', async (spin) => {
    await using stage = await openStage({}, []);
    const { sender } = stage;
    await using thread = await SyncReceiver.start(sender.endpoint, { spinMicroseconds: spin });
    const all = thread.call('all');
    const expected: unknown[] = [];
    for (let message = 0; message < 2000; message++) {
      const length = 1 + ((message * 37) % 3000);
      expect(await sender.send(new Uint8Array(length).fill(message), LIMIT)).toBe('sent');
      expected.push([message, length, message & 255]);
      // Now and then it has to be woken.
      if (message % 100 === 0) await sender.flush(LIMIT);
    }
    await sender.close();
    expect(await all).toEqual({ result: expected });
  });

  test('is woken in its sleep, each time', async () => {
    await using stage = await openStage({}, []);
    await using thread = await SyncReceiver.start(stage.sender.endpoint);
    for (let message = 0; message < 50; message++) {
      const one = thread.call('one');
      await until(() => thread.sleeps);
      trySend(stage.sender, 10, message);
      expect(await one).toEqual({ result: message });
    }
  });

  test('gets messages that have memory of their own', async () => {
    await using stage = await openStage({ poolBytes: 4096 }, []);
    await using thread = await SyncReceiver.start(stage.sender.endpoint);
    for (let message = 0; message < 5; message++) {
      const one = thread.call('one');
      await until(() => thread.sleeps);
      await stage.sender.send(new Uint8Array(5000), LIMIT);
      expect(await one).toEqual({ result: message });
    }
  });

  test('has its time limit, after which nothing is lost', async () => {
    await using stage = await openStage({}, []);
    await using thread = await SyncReceiver.start(stage.sender.endpoint);
    for (const timeout of [0, 1, 20]) {
      expect(await thread.call('one', { timeout })).toEqual({ code: 'TIMEOUT' });
    }
    trySend(stage.sender, 10, 1);
    expect(await thread.call('one', { timeout: 0 })).toEqual({ result: 0 });
    expect(await thread.call('one', { timeout: -1 })).toEqual({ code: 'INVALID_ARGUMENT' });
  });

  test('sleeps for as long as nothing comes, and looks up only to be ended (11.10)', async () => {
    await using stage = await openStage({}, []);
    await using thread = await SyncReceiver.start(stage.sender.endpoint);
    const one = thread.call('one');
    await until(() => thread.sleeps);
    const before = thread.contextSwitches;
    const start = performance.now();
    await until(() => thread.contextSwitches - before >= 5);
    // The kernel never wakes it too early, so that this holds on a machine of any speed: four whole
    // slices lie between five looks.
    expect(performance.now() - start).toBeGreaterThanOrEqual(4 * 50 - 1);
    trySend(stage.sender, 10, 1);
    expect(await one).toEqual({ result: 0 });
  });

  test.each([
    ['closes', 'close', undefined],
    ['gives up', 'destroy', 'PEER_DIED'],
  ] as const)('is woken when its sender %s', async (_, how, code) => {
    await using stage = await openStage({}, []);
    await using thread = await SyncReceiver.start(stage.sender.endpoint);
    const one = thread.call('one');
    await until(() => thread.sleeps);
    await stage.sender[how]();
    expect((await one).code).toBe(code);
    expect((await thread.call('one')).code).toBe(code);
  });

  test('learns of the death of its sender, after all that was sent', async () => {
    const endpoint = folder.fresh();
    const program = new URL('./peers/stream-sender.mjs', import.meta.url);
    await using child = new Child(program, [endpoint, '300']);
    await child.message();
    await using thread = await SyncReceiver.start(endpoint);
    for (let message = 0; message < 300; message++) {
      expect(await thread.call('one')).toEqual({ result: message });
    }
    const one = thread.call('one');
    await until(() => thread.sleeps);
    await child.end('SIGKILL');
    expect(await one).toEqual({ code: 'PEER_DIED' });
    expect(await thread.call('one')).toEqual({ code: 'PEER_DIED' });
  });
});

describe('receiveSync on the event loop’s own thread', () => {
  expectNothingLeft();

  test('answers at once where it can', async () => {
    await using stage = await openStage();
    trySend(stage.sender, 10, 7);
    using delivery = stage.receiver.receiveSync();
    expect(delivery?.bytes[0]).toBe(7);
    expect(codeOf(() => stage.receiver.receiveSync({ timeout: 0 }))).toBe('TIMEOUT');
    await stage.sender.close();
    expect(stage.receiver.receiveSync()).toBeUndefined();
    await stage.receiver.close();
    expect(codeOf(() => stage.receiver.receiveSync())).toBe('CLOSED');
  });

  test('is NOT_SUPPORTED while another call waits: that could never be answered', async () => {
    await using stage = await openStage();
    const waiting = stage.receiver.receive(LIMIT);
    expect(codeOf(() => stage.receiver.receiveSync())).toBe('NOT_SUPPORTED');
    trySend(stage.sender, 10, 1);
    expect(codeOf(() => stage.receiver.receiveSync())).toBe('NOT_SUPPORTED');
    expect((await waiting)?.sequence).toBe(0);
  });

  test.each([
    ['deliveries', { maxBorrowed: 2 }],
    ['bytes', { maxBorrowedBytes: 20 }],
  ])('is NOT_SUPPORTED while as many %s are held as may be', async (_, options) => {
    await using stage = await openStage({}, [options]);
    for (let message = 0; message < 3; message++) trySend(stage.sender, 10, message);
    const [first] = drain(stage.receiver);
    expect(codeOf(() => stage.receiver.receiveSync())).toBe('NOT_SUPPORTED');
    first?.release();
    expect(stage.receiver.receiveSync()?.sequence).toBe(2);
  });

  test('gets on with messages that are dropped meanwhile', async () => {
    await using stage = await openStage({}, [{ whenBehind: 'drop-oldest', queueDepth: 2 }]);
    for (let message = 0; message < 3000; message++) trySend(stage.sender, 10, message);
    expect(stage.receiver.receiveSync(LIMIT)?.sequence).toBe(2998);
    expect(stage.receiver.receiveSync(LIMIT)?.sequence).toBe(2999);
    expect(codeOf(() => stage.receiver.receiveSync({ timeout: 0 }))).toBe('TIMEOUT');
  });
});
