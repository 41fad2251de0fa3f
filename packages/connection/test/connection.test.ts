import {
  ControlMemory,
  Doorbell,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  parkedReceiverWord,
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
    const parts = {
      socket: otherSocket,
      memory: ControlMemory.open(calls, fd.fd),
      senderBell: bellOf(senderBell.fd.duplicate()),
      receiverBell: bellOf(receiverBell.fd.duplicate()),
    };
    receiver = new ReceiverConnection(parts, PLAIN_RECEIVER);
    const ours = { socket: senderSocket, memory, senderBell, receiverBell };
    sender = new SenderConnection(ours, PLAIN_SENDER);
    fd.close();
  });

  afterEach(() => {
    sender.close();
    receiver.close();
  });

  test('rings only a receiver that is parked, and rings it once', () => {
    sender.wakeReceiver();
    expect(receiverRings()).toBe(0);
    receiver.park();
    sender.wakeReceiver();
    sender.wakeReceiver();
    expect(receiverRings()).toBe(1);
    expect(words[parkedReceiverWord(0)]).toBe(0);
  });

  test('rings a sender that waits for returns at the first one', () => {
    receiver.giveBack(1, 0);
    expect(senderRings()).toBe(0);
    sender.park(WAITS_FOR.returns);
    receiver.giveBack(2, 0);
    receiver.giveBack(3, 0);
    expect(senderRings()).toBe(1);
  });

  test('rings a sender that waits for something else only for that', () => {
    const room = 2;
    sender.park(room);
    receiver.giveBack(1, 0);
    receiver.wakeSenderThatWaitsFor(4);
    expect(senderRings()).toBe(0);
    receiver.wakeSenderThatWaitsFor(room);
    receiver.wakeSenderThatWaitsFor(room);
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
    Atomics.store(words, RECEIVER.returned, 12345);
    expect(sender.returns.available()).toBe(12345);
    Atomics.store(words, SENDER.delivered, -7);
    expect(receiver.deliveries.available()).toBe(-7);
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
