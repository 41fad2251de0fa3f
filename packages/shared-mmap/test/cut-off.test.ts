import { ENOMEM, type LinuxCalls, Mapping, PROT_READ } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { HostileReceiver } from './support/hostile-receiver.js';
import {
  callsWith,
  drain,
  isFilled,
  KIB,
  LIMIT,
  openStage,
  trySend,
  until,
} from './support/stage.js';

const real = loadLinuxCalls();
const CUT_OFF: unknown = expect.objectContaining({
  code: 'PEER_REJECTED',
  message: expect.stringContaining('lives'),
});
const POOL = { poolBytes: 64 * KIB };
const LENGTH = 4 * KIB;

/** Calls with which a sender cannot wake anybody, while `fails` is set. */
function deafening(): { readonly calls: LinuxCalls; fails: boolean } {
  const state = { fails: false };
  const poll: LinuxCalls['poll'] = (...words) => (state.fails ? -ENOMEM : real.poll(...words));
  return Object.assign(state, { calls: callsWith({ poll }) });
}

/** Uses all the memory that the sender can lend, again and again. Tells how much that is. */
function useAll(stage: { readonly sender: Parameters<typeof trySend>[0] }): number {
  let most = 0;
  for (let round = 0; round < 3; round++) {
    const loans = [];
    for (let loan = stage.sender.tryLoan(LENGTH); loan; loan = stage.sender.tryLoan(LENGTH)) {
      loan.bytes.fill(200 + round);
      loans.push(loan);
    }
    for (const loan of loans) loan.release();
    most = loans.length;
  }
  return most;
}

/** Lets the event loop turn until a receive that waits has parked. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

describe('a receiver that a living sender cuts off', () => {
  expectNothingLeft();

  test.each(['close', 'destroy'] as const)(
    'reads what it holds and nothing else, and takes nothing more; the sender may %s meanwhile (11.1)',
    async (end) => {
      const state = deafening();
      await using stage = await openStage({ ...POOL, binding: state.calls }, [
        { spinMicroseconds: 0 },
      ]);
      const { sender, receiver } = stage;
      for (let message = 0; message < 3; message++) trySend(sender, LENGTH, message);
      const held = drain(receiver);
      const receiving = receiver.receive(LIMIT);
      receiving.catch(() => undefined);
      await settle();
      // One that cannot be woken would sleep for ever: it is cut off. The message is there by then.
      state.fails = true;
      expect(trySend(sender, LENGTH, 3)).toBe('sent');
      state.fails = false;
      await until(() => sender.receivers.length === 0);
      expect(sender.stats()).toMatchObject({ connectionsFailed: 1, bytesOut: 4 * LENGTH });
      await expect(receiving).rejects.toThrow(CUT_OFF);
      expect(useAll(stage)).toBe(12);
      for (let time = 0; time < 2; time++) {
        await expect(receiver.receive(LIMIT)).rejects.toThrow(CUT_OFF);
        expect(() => receiver.tryReceive()).toThrow(CUT_OFF);
        expect(() => receiver.receiveSync(LIMIT)).toThrow(CUT_OFF);
      }
      for (const [seed, { bytes }] of held.entries()) expect(isFilled(bytes, seed)).toBe(true);
      // To release is not to be gone; nobody has to wait for what it was given, though.
      held.pop()?.release();
      await sender.flush(LIMIT);
      expect(await sender.send(new Uint8Array(10), LIMIT)).toBe('no-receiver');
      expect(sender.stats().bytesOut).toBe(4 * LENGTH);
      await sender[end]();
      for (const [seed, { bytes }] of held.entries()) expect(isFilled(bytes, seed)).toBe(true);
      await expect(receiver.receive(LIMIT)).rejects.toThrow(CUT_OFF);
    },
  );

  test('gives its memory and its place back when it closes (11.1)', async () => {
    const state = deafening();
    await using stage = await openStage({ ...POOL, maxReceivers: 1, binding: state.calls }, [
      { spinMicroseconds: 0 },
    ]);
    const { sender, receiver } = stage;
    trySend(sender, LENGTH, 1);
    const [held] = drain(receiver);
    const receiving = receiver.receive(LIMIT);
    receiving.catch(() => undefined);
    await settle();
    state.fails = true;
    trySend(sender, LENGTH, 2);
    state.fails = false;
    await expect(receiving).rejects.toThrow(CUT_OFF);
    await expect(stage.join()).rejects.toThrow(expect.objectContaining({ code: 'PEER_REJECTED' }));
    expect(useAll(stage)).toBe(14);
    expect(isFilled(held?.bytes as Uint8Array, 1)).toBe(true);
    // A loan that waits for all of the pool gets it once the receiver is gone.
    const waiting = sender.loan(64 * KIB, LIMIT);
    await settle();
    await receiver.close();
    (await waiting).release();
    expect(sender.stats().bytesOut).toBe(0);
    const next = await stage.join();
    trySend(sender, LENGTH, 3);
    expect(drain(next).map(({ bytes }) => bytes[0])).toEqual([3]);
  });

  test('in another process keeps what it holds until it is killed (11.1)', async () => {
    const state = deafening();
    await using stage = await openStage({ ...POOL, binding: state.calls }, []);
    const { sender } = stage;
    const peer = new URL('./peers/holder.mjs', import.meta.url);
    await using child = new Child(peer, [sender.endpoint, '3']);
    expect(await child.message()).toBe('connected');
    await sender.waitForReceivers(1, LIMIT);
    for (let message = 0; message < 3; message++) trySend(sender, LENGTH, message);
    expect(await child.message()).toBe('holds');
    // It parks in a while: only then a bell is needed.
    state.fails = true;
    while (sender.receivers.length === 1) {
      trySend(sender, 64, 3);
      await new Promise(setImmediate);
    }
    state.fails = false;
    expect(await child.message()).toBe('PEER_REJECTED');
    useAll(stage);
    child.send('look');
    expect(await child.message()).toEqual([[0], [1], [2]]);
    expect(sender.stats().bytesOut).toBeGreaterThanOrEqual(3 * LENGTH);
    await child.end('SIGKILL');
    await until(() => sender.stats().bytesOut === 0);
  });
});

describe('a receiver that was cut off for what it did', () => {
  expectNothingLeft();

  const open = async (maxReceivers = 2) => {
    const stage = await openStage({ ...POOL, maxReceivers });
    const liar = await HostileReceiver.connect(real, stage.sender.endpoint);
    await stage.sender.waitForReceivers(2, LIMIT);
    trySend(stage.sender, LENGTH, 7);
    for (const delivery of drain(stage.receiver)) delivery.release();
    return { ...stage, liar };
  };

  test('is told so, and keeps what it had not given back until its end has closed (11.1)', async () => {
    const stage = await open();
    const { sender, liar } = stage;
    using memory = Mapping.ofFile(real, liar.payload.fd, 64 * KIB, PROT_READ, 1);
    const payload = new Uint8Array(memory.buffer);
    liar.giveBack({ slotId: 12345, sequence: 0 });
    await until(() => sender.receivers.length === 1);
    expect(() => liar.lookAgain()).toThrow(CUT_OFF);
    expect(() => liar.lookAgain()).toThrow('broke the protocol');
    // What it gives back now, truly or not, is not believed.
    liar.giveBack(liar.take());
    useAll(stage);
    expect(isFilled(payload.subarray(0, LENGTH), 7)).toBe(true);
    expect(sender.stats().bytesOut).toBe(LENGTH);
    await expect(stage.join()).rejects.toThrow(expect.objectContaining({ code: 'PEER_REJECTED' }));
    liar[Symbol.dispose]();
    await until(() => sender.stats().bytesOut === 0);
    await stage.join();
    await stage[Symbol.asyncDispose]();
  });

  test('costs nothing, however much it says and rings, and never reads (11.1, 11.14)', async () => {
    const stage = await open();
    const { sender, liar } = stage;
    liar.giveBack({ slotId: 12345, sequence: 0 });
    await until(() => sender.receivers.length === 1);
    let said = 0;
    while (liar.socket.send(Buffer.alloc(8))) said++;
    expect(said).toBeLessThan(100_000);
    liar.ring();
    await settle();
    for (let message = 0; message < 5; message++) {
      expect(trySend(sender, LENGTH, message)).toBe('sent');
      for (const delivery of drain(stage.receiver)) delivery.release();
    }
    expect(sender.stats().bytesOut).toBe(LENGTH);
    liar.socket.close();
    await until(() => sender.stats().bytesOut === 0);
    liar[Symbol.dispose]();
    await stage[Symbol.asyncDispose]();
  });
});
