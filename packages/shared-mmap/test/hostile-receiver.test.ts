import { encodeHello, HELLO_KIND } from '@pageferry/connection/internals';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { SharedMmapSenderOptions } from '@pageferry/shared-mmap';
import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { OWN_MEMORY_FLAG } from '../dist/layout.js';
import { POLICY } from '../dist/protocol.js';
import { HostileReceiver } from './support/hostile-receiver.js';
import { seededRandom } from './support/random.js';
import { drain, KIB, LIMIT, openStage, type Stage, trySend, until } from './support/stage.js';

const calls = loadLinuxCalls();
const HALF = 0x7fffffff;

interface HostileStage extends Stage {
  readonly liar: HostileReceiver;
  /** Sends a message, which the honest receiver gets whatever the other one is up to. */
  exchange(byteLength?: number): void;
}

/** A sender with two receivers, of which one may lie. */
async function open(
  options: Omit<SharedMmapSenderOptions, 'endpoint'> = {},
  hello?: readonly number[],
): Promise<HostileStage> {
  const stage = await openStage(options, [{}]);
  const liar = await HostileReceiver.connect(calls, stage.sender.endpoint, hello);
  await stage.sender.waitForReceivers(2, LIMIT);
  let seed = 0;
  return {
    ...stage,
    receiver: stage.receiver,
    liar,
    exchange(byteLength = 5000) {
      seed = (seed + 1) & 255;
      expect(trySend(stage.sender, byteLength, seed)).toBe('sent');
      for (const delivery of drain(stage.receiver)) {
        expect(delivery.byteLength).toBe(byteLength);
        expect(delivery.bytes.every((byte) => byte === seed)).toBe(true);
        delivery.release();
      }
    },
    async [Symbol.asyncDispose]() {
      liar[Symbol.dispose]();
      await stage[Symbol.asyncDispose]();
    },
  };
}

/** The sender drops the liar, has all its memory back when that has ended, and lends none of it twice. */
async function expectLiarToBeDropped(stage: HostileStage): Promise<void> {
  await until(() => stage.sender.receivers.length === 1);
  stage.exchange();
  await stage.sender.flush(LIMIT);
  stage.liar.socket.close();
  await until(() => stage.sender.stats().bytesOut === 0);
  const loans = Array.from({ length: 8 }, (_, index) => {
    const loan = stage.sender.tryLoan(5000);
    loan?.bytes.fill(index);
    return loan;
  });
  for (const [index, loan] of loans.entries()) {
    expect(loan?.bytes.every((byte) => byte === index)).toBe(true);
    loan?.release();
  }
  expect(stage.sender.stats().bytesOut).toBe(0);
}

describe('a sender whose receiver lies drops it, and goes on with the others', () => {
  expectNothingLeft();

  test.each([
    ['more returns than were delivered', 2],
    ['far more returns than there is room for', HALF],
    ['fewer returns than none', -1],
    ['the least number of returns that there is', -HALF - 1],
  ])('when it claims %s', async (_, returned) => {
    await using stage = await open();
    stage.exchange();
    stage.liar.claimReturned(returned);
    await expectLiarToBeDropped(stage);
  });

  test('when it gives back something before anything was sent', async () => {
    await using stage = await open();
    stage.liar.giveBack({ slotId: 0, sequence: 0 });
    await expectLiarToBeDropped(stage);
  });

  test.each([0, 2, 1000, -2, HALF, -HALF - 1, OWN_MEMORY_FLAG | 5])(
    'when it gives back slotId %i, which it does not hold',
    async (slotId) => {
      await using stage = await open();
      using _lent = await stage.sender.loan(100);
      for (let message = 0; message < 2; message++) stage.exchange();
      const { sequence } = stage.liar.take();
      stage.liar.giveBack({ slotId, sequence });
      await until(() => stage.sender.receivers.length === 1);
    },
  );

  test.each([1, -1, HALF])('when it gives back its slot as that of message %i', async (wrong) => {
    await using stage = await open();
    stage.exchange();
    const { slotId, sequence } = stage.liar.take();
    stage.liar.giveBack({ slotId, sequence: sequence + wrong });
    await expectLiarToBeDropped(stage);
  });

  test('when it gives a message back twice', async () => {
    await using stage = await open();
    for (let message = 0; message < 3; message++) stage.exchange();
    const taken = stage.liar.take();
    stage.liar.giveBack(taken);
    stage.liar.giveBack(taken);
    await expectLiarToBeDropped(stage);
  });

  test('when it gives back a slot that has another message by now, of which it knows nothing', async () => {
    await using stage = await open();
    stage.exchange();
    const taken = stage.liar.take();
    stage.liar.giveBack(taken);
    stage.exchange();
    stage.liar.giveBack(taken);
    await expectLiarToBeDropped(stage);
  });

  test.each([1, 1024, HALF, -2, -HALF - 1])(
    'when it says that it has gone past %i messages that were not sent',
    async (ahead) => {
      await using stage = await open();
      stage.exchange();
      const { sequence } = stage.liar.take();
      stage.liar.goPast((sequence + ahead) | 0);
      await expectLiarToBeDropped(stage);
    },
  );

  test('when it goes back behind what it has given back', async () => {
    await using stage = await open();
    for (let message = 0; message < 3; message++) stage.exchange();
    stage.liar.goPast(1);
    // It is taken in with the next message.
    stage.exchange();
    expect(stage.sender.stats().bytesOut).toBeGreaterThan(0);
    stage.liar.goPast(-1);
    stage.liar.ring();
    await expectLiarToBeDropped(stage);
  });

  test.each([1, -1, HALF, -HALF - 1])(
    'when it says that it keeps the message that is %i behind the last',
    async (behind) => {
      await using stage = await open();
      stage.exchange();
      stage.liar.keep((stage.liar.take().sequence + behind) | 0);
      stage.liar.ring();
      await expectLiarToBeDropped(stage);
    },
  );

  test('when it says twice that it keeps a message', async () => {
    await using stage = await open();
    stage.exchange();
    const { sequence } = stage.liar.take();
    for (let time = 0; time < 2; time++) stage.liar.keep(sequence);
    stage.liar.ring();
    await expectLiarToBeDropped(stage);
  });

  test('when it gives back twice what it had kept', async () => {
    await using stage = await open();
    for (let message = 0; message < 2; message++) stage.exchange();
    const [kept, next] = [stage.liar.take(), stage.liar.take()];
    stage.liar.keep(kept.sequence);
    stage.liar.goPast(next.sequence);
    for (let time = 0; time < 2; time++) stage.liar.giveBack(kept);
    stage.liar.ring();
    await expectLiarToBeDropped(stage);
  });

  test('when it speaks on its socket', async () => {
    await using stage = await open();
    stage.exchange();
    stage.liar.socket.send(Buffer.from('hello?'));
    await expectLiarToBeDropped(stage);
  });

  test('when it rings for ever, and has nothing to say (11.14)', async () => {
    await using stage = await open();
    await until(() => {
      stage.liar.ring();
      return stage.sender.receivers.length === 1;
    });
    await expectLiarToBeDropped(stage);
  });

  test('when it passes descriptors, all of which are closed', async () => {
    await using stage = await open();
    const fd = calls.eventfd(0, 0);
    stage.liar.socket.send(Buffer.from('hello?'), [{ fd }, { fd }]);
    calls.close(fd);
    await expectLiarToBeDropped(stage);
  });

  test('when it does not take the memory of large messages off its socket', async () => {
    await using stage = await open({ poolBytes: 64 * KIB });
    let sent = 0;
    // It claims to be done with each before it took it.
    while (stage.sender.receivers.length === 2) {
      if (trySend(stage.sender, 100 * KIB, sent) !== 'sent') break;
      sent++;
      for (const delivery of drain(stage.receiver)) delivery.release();
      if (stage.liar.deliveries > 0) stage.liar.giveBack(stage.liar.take());
    }
    expect(sent).toBeGreaterThan(16);
    await until(() => stage.sender.receivers.length === 1);
    // What it may still read is its own until its end of the socket is gone.
    stage.liar.socket.close();
    await until(() => stage.sender.stats().bytesOut === 0);
    stage.exchange(100 * KIB);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });
});

test('a sender whose only receiver lies has sent to nobody', async () => {
  await using stage = await openStage({ poolBytes: 512 * KIB }, []);
  using liar = await HostileReceiver.connect(calls, stage.sender.endpoint);
  await stage.sender.waitForReceivers(1, LIMIT);
  let sent = 0;
  while (trySend(stage.sender, 10, 1) === 'sent') sent++;
  expect(sent).toBe(1024);
  liar.claimReturned(-1);
  // The look for room finds out.
  expect(trySend(stage.sender, 10, 1)).toBe('no-receiver');
});

describe.each([
  ['drop-oldest', POLICY['drop-oldest']],
  ['drop-newest', POLICY['drop-newest']],
] as const)('a receiver that may miss messages (%s)', (_, policy) => {
  expectNothingLeft();
  const TAKEN = -1;

  test('gets nobody else’s memory by giving messages back that it has not taken', async () => {
    await using stage = await open({ poolBytes: 128 * KIB }, [policy, 4]);
    stage.exchange();
    stage.liar.giveBack(stage.liar.take());
    // The sender takes it in; the entry still looks as if it could be dropped.
    expect(stage.sender.stats().bytesOut).toBe(0);
    const held = stage.sender.tryLoan(5000);
    for (let message = 0; message < 6; message++) stage.exchange(100);
    // Everything that can be dropped is, and it is still not enough.
    expect(stage.sender.tryLoan(128 * KIB)).toBeUndefined();
    // The liar may still read what it was given since: nobody else gets that either.
    expect(stage.sender.stats().bytesOut).toBeGreaterThanOrEqual(8 * KIB);
    held?.bytes.fill(99);
    const others = [stage.sender.tryLoan(5000), stage.sender.tryLoan(5000)];
    for (const other of others) other?.bytes.fill(1);
    expect(held?.bytes.every((byte) => byte === 99)).toBe(true);
    for (const loan of [held, ...others]) loan?.release();
    await expectLiarToBeDropped(stage);
  });

  test('is found out when what it gave back without taking it comes to be dropped', async () => {
    await using stage = await open({ poolBytes: 128 * KIB }, [policy, 4]);
    expect(trySend(stage.sender, 5000, 1)).toBe('sent');
    // The other receiver holds it all the while, so that the slot has no other message.
    const held = stage.receiver.tryReceive();
    stage.liar.giveBack(stage.liar.take());
    expect(stage.sender.receivers.map((each) => each.messagesBehind)).toEqual([1, 0]);
    for (let message = 0; message < 6; message++) stage.exchange(100);
    expect(stage.sender.tryLoan(128 * KIB)).toBeUndefined();
    expect(held?.bytes.every((byte) => byte === 1)).toBe(true);
    held?.release();
    await expectLiarToBeDropped(stage);
  });

  test('gets nobody else’s memory by having messages dropped that it has taken', async () => {
    // What it holds counts for the pool, and only there.
    await using stage = await open({ poolBytes: 512 * KIB }, [policy, 4]);
    for (let round = 0; round < 10; round++) {
      for (let message = 0; message < 4; message++) stage.exchange();
      for (let entry = 0; entry < 64; entry++) stage.liar.claim(entry, (round * 7 + entry) & 63);
    }
    stage.liar.socket.close();
    await expectLiarToBeDropped(stage);
  });

  test('does not hold the sender up by claiming everything and giving back nothing', async () => {
    await using stage = await open({ poolBytes: 256 * KIB }, [policy, 1024]);
    for (let message = 0; message < 3000; message++) {
      stage.exchange(100);
      stage.liar.claim(message % 1024, TAKEN);
    }
    expect(stage.sender.receivers.length).toBe(2);
    expect(stage.sender.stats().bytesOut).toBe(1024 * 128);
  });
});

describe('a hello that is strange', () => {
  expectNothingLeft();

  test.each([3, 0xffffffff])('is refused if it asks for policy %i', async (policy) => {
    await using stage = await openStage();
    await expect(
      HostileReceiver.connect(calls, stage.sender.endpoint, [policy, 4]),
    ).rejects.toThrow(expect.objectContaining({ code: 'PEER_REJECTED' }));
    await stage.join();
  });

  test.each([
    ['no queue at all, which stands for the largest', 0, 1024],
    ['a queue without end', 0xffffffff, 1024],
  ])('gets what there can be if it asks for %s', async (_, queueDepth, given) => {
    await using stage = await openStage({}, []);
    using _liar = await HostileReceiver.connect(calls, stage.sender.endpoint, [0, queueDepth]);
    await stage.sender.waitForReceivers(1, LIMIT);
    let sent = 0;
    while (trySend(stage.sender, 10, 1) === 'sent') sent++;
    expect(sent).toBe(given);
  });

  test('is answered in vain if its receiver left: the next one gets in', async () => {
    await using stage = await openStage({}, []);
    for (let round = 0; round < 20; round++) {
      using socket = UnixSocket.create(calls);
      expect(calls.connectUnix(socket.fd, stage.sender.endpoint)).toBe(0);
      socket.send(encodeHello(HELLO_KIND.hello, 'shared-mmap', 0, [0, 4]));
    }
    await stage.join();
    trySend(stage.sender, 10, 1);
    expect(drain(stage.receiver).length).toBe(1);
  });
});

describe('a sender that waits for a receiver which lies is not left waiting', () => {
  expectNothingLeft();
  const NONSENSE = { slotId: 12345, sequence: 0 };

  test('for memory', async () => {
    await using stage = await open({ poolBytes: 8 * KIB });
    stage.exchange(8 * KIB);
    const waiting = stage.sender.loan(8 * KIB, LIMIT);
    await until(() => stage.liar.senderWaits);
    stage.liar.giveBack(NONSENSE);
    // It may read from that memory until it has ended.
    await until(() => stage.sender.receivers.length === 1);
    stage.liar.socket.close();
    (await waiting).release();
  });

  test('for everything to come back', async () => {
    await using stage = await open();
    stage.exchange();
    const waiting = stage.sender.flush(LIMIT);
    await until(() => stage.liar.senderWaits);
    stage.liar.giveBack(NONSENSE);
    await waiting;
  });

  test('for a place in the queue', async () => {
    await using stage = await open({}, [0, 1]);
    stage.exchange();
    const sending = stage.sender.send(new Uint8Array(10), LIMIT);
    await until(() => stage.liar.senderWaits);
    stage.liar.giveBack(NONSENSE);
    expect(await sending).toBe('sent');
  });
});

describe('a receiver that writes into the control memory whatever it likes', () => {
  expectNothingLeft();

  test.each([1, 2, 3, 4, 5, 6])('disturbs nobody (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const policy = seed % 3;
    await using stage = await open({ poolBytes: 64 * KIB }, [policy, 16]);
    const { words } = stage.liar;
    for (let message = 0; message < 300 && stage.sender.receivers.length === 2; message++) {
      const loan = stage.sender.tryLoan(1000);
      const sent = loan?.trySend();
      if (sent !== 'sent') loan?.release();
      for (const delivery of drain(stage.receiver)) delivery.release();
      // Small numbers are the likeliest to be believed.
      const value = random(3) === 0 ? random(HALF) - (HALF >> 1) : random(40) - 2;
      Atomics.store(words, [64, 96, 128, 32, 34][random(8)] ?? random(words.length), value);
      if (random(10) === 0) stage.liar.ring();
      if (random(20) === 0) await new Promise(setImmediate);
    }
    stage.liar.socket.close();
    await expectLiarToBeDropped(stage);
  });

  test('has no way to write to the payload', async () => {
    await using stage = await open();
    const { fd } = stage.liar.payload;
    expect(calls.write(fd, new Uint8Array(1), 0, 1)).toBeLessThan(0);
    expect(calls.ftruncate(fd, 0)).toBeLessThan(0);
    expect(calls.mmap(4096, 3, 1, fd, 0)).toBeTypeOf('number');
  });
});
