import {
  ControlMemory,
  Doorbell,
  PARKED,
  RECEIVER,
  ReceiverConnection,
  SENDER,
  SenderConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import { type OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const HALF = 0x7fffffff;

describe('a connection', () => {
  expectNothingLeft();

  let sender: SenderConnection;
  let receiver: ReceiverConnection;
  let receiverSocket: UnixSocket;
  let words: Int32Array;
  let senderRings: () => number;
  let receiverRings: () => number;

  /** How often a bell was rung since the last look. */
  const ringsOf = (bell: Doorbell) => (): number => {
    const count = new BigUint64Array(1);
    return calls.read(bell.fd.fd, new Uint8Array(count.buffer), 0, 8) === 8 ? Number(count[0]) : 0;
  };
  const bellOf = (fd: OwnedFd): Doorbell => new Doorbell(calls, fd);

  beforeEach(() => {
    const { memory, fd } = ControlMemory.create(calls, 8);
    const [senderSocket, otherSocket] = UnixSocket.pair(calls);
    receiverSocket = otherSocket;
    const senderBell = Doorbell.create(calls);
    const receiverBell = Doorbell.create(calls);
    senderRings = ringsOf(senderBell);
    receiverRings = ringsOf(receiverBell);
    words = memory.words;
    receiver = new ReceiverConnection({
      socket: otherSocket,
      memory: ControlMemory.open(calls, fd.fd),
      senderBell: bellOf(senderBell.fd.duplicate()),
      receiverBell: bellOf(receiverBell.fd.duplicate()),
    });
    sender = new SenderConnection({ socket: senderSocket, memory, senderBell, receiverBell });
    fd.close();
  });

  afterEach(() => {
    sender.close();
    receiver.close();
  });

  test('counts bytes beyond the end of a 32-bit counter', () => {
    for (let round = 0; round < 5; round++) {
      sender.produce(HALF);
      expect(receiver.bytesAvailable()).toBe(HALF);
      expect(sender.bytesInFlight()).toBe(HALF);
      receiver.consume(HALF - 1);
      expect(sender.bytesInFlight()).toBe(1);
      receiver.consume(1);
      expect(receiver.bytesAvailable()).toBe(0);
    }
  });

  test('rings only a receiver that is parked, and rings it once', () => {
    sender.wakeReceiver();
    expect(receiverRings()).toBe(0);
    receiver.park();
    sender.wakeReceiver();
    sender.wakeReceiver();
    expect(receiverRings()).toBe(1);
    expect(words[PARKED.receiver]).toBe(0);
  });

  test('rings a sender that waits for room only when there is as much as it asked for', () => {
    sender.produce(1000);
    sender.park(WAITS_FOR.room, 300);
    receiver.consume(299);
    receiver.giveBack(0, 0, 0, 0);
    expect(senderRings()).toBe(0);
    receiver.consume(1);
    receiver.consume(1);
    expect(senderRings()).toBe(1);
  });

  test('knows how much room was asked for when the counter wraps around in between', () => {
    sender.produce(HALF);
    receiver.consume(HALF);
    sender.produce(1000);
    sender.park(WAITS_FOR.room, 300);
    receiver.consume(299);
    expect(senderRings()).toBe(0);
    receiver.consume(1);
    expect(senderRings()).toBe(1);
  });

  test('rings a sender that waits for returns at the first one, and not for room', () => {
    sender.produce(1000);
    sender.park(WAITS_FOR.returns);
    receiver.consume(1000);
    expect(senderRings()).toBe(0);
    receiver.giveBack(1, 0, 0, 0);
    receiver.giveBack(2, 0, 0, 0);
    expect(senderRings()).toBe(1);
  });

  test('wakes a parked receiver for an orderly end', () => {
    receiver.park();
    expect(receiver.finished).toBe(false);
    sender.finish();
    expect(receiver.finished).toBe(true);
    expect(receiverRings()).toBe(1);
  });

  test('hands on what the peer claims of its counters, for the transport to judge', () => {
    Atomics.store(words, RECEIVER.bytesConsumed, 5);
    expect(sender.bytesInFlight()).toBe(-5);
    Atomics.store(words, RECEIVER.returned, 12345);
    expect(sender.returnsAvailable()).toBe(12345);
    Atomics.store(words, SENDER.bytesProduced, -1);
    expect(receiver.bytesAvailable()).toBe(-1);
    Atomics.store(words, SENDER.delivered, -7);
    expect(receiver.deliveriesAvailable()).toBe(-7);
    Atomics.store(words, SENDER.finished, 2);
    expect(receiver.finished).toBe(false);
  });

  test('tells once that the peer has hung up', async () => {
    let hangUps = 0;
    await new Promise<void>((resolve) => {
      sender.watch(calls, {
        onRing: () => undefined,
        onHangUp: () => {
          hangUps++;
          resolve();
        },
      });
      receiver.close();
    });
    expect(sender.peerGone).toBe(true);
    await new Promise(setImmediate);
    expect(hangUps).toBe(1);
  });

  test('takes a peer that speaks after the handshake for gone, and closes what it passed', async () => {
    const bell = Doorbell.create(calls);
    await new Promise<void>((onHangUp) => {
      sender.watch(calls, { onRing: () => undefined, onHangUp });
      receiverSocket.send(Buffer.from('and another thing'), [bell.fd, bell.fd]);
      bell.close();
    });
    expect(sender.peerGone).toBe(true);
  });

  test('gives everything back on close, and may be closed again', () => {
    sender.watch(calls, { onRing: () => undefined, onHangUp: () => undefined });
    sender.close();
    sender.close();
    expect(words.length).toBe(0);
  });
});
