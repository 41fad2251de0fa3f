import {
  ControlMemory,
  Doorbell,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  ReceiverConnection,
  SenderConnection,
} from '@pageferry/connection';
import { OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { semaphore } from '@pageferry/testkit/false-bells';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const MISBEHAVED: unknown = expect.objectContaining({ code: 'PEER_MISBEHAVED' });

interface Ends extends Disposable {
  readonly sender: SenderConnection;
  readonly receiver: ReceiverConnection;
  readonly bells: { readonly senderBell: Doorbell; readonly receiverBell: Doorbell };
}

/** Both ends of a connection whose bells may be false, as where no /proc tells what they are. */
function open(openBell: () => Doorbell): Ends {
  const { memory, fd } = ControlMemory.create(calls, 8);
  const [ours, theirs] = UnixSocket.pair(calls);
  const bells = { senderBell: openBell(), receiverBell: openBell() };
  const copies = {
    senderBell: new Doorbell(calls, bells.senderBell.fd.duplicate()),
    receiverBell: new Doorbell(calls, bells.receiverBell.fd.duplicate()),
  };
  const sender = new SenderConnection({ socket: ours, memory, ...bells }, PLAIN_SENDER);
  const opened = ControlMemory.open(calls, fd.fd);
  const parts = { socket: theirs, memory: opened, ...copies };
  const receiver = new ReceiverConnection(parts, PLAIN_RECEIVER);
  fd.close();
  return {
    sender,
    receiver,
    bells,
    [Symbol.dispose]() {
      sender.close();
      receiver.close();
    },
  };
}

const falseBell = (): Doorbell => new Doorbell(calls, new OwnedFd(calls, semaphore(calls)));

describe('a doorbell that is never silent', () => {
  expectNothingLeft();

  test.each(['sender', 'receiver'] as const)(
    'ends the connection: the %s has its peace (11.14)',
    async (side) => {
      using ends = open(falseBell);
      let rings = 0;
      await new Promise<void>((resolve) => {
        ends[side].watch(calls, { onRing: () => rings++, onHangUp: resolve });
      });
      expect(ends[side].peerGone).toBe(true);
      expect(rings).toBeLessThan(100);
      const before = rings;
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
      expect(rings).toBe(before);
    },
  );

  test('is told from a death by the receiver (11.14)', async () => {
    using ends = open(falseBell);
    await new Promise<void>((resolve) => {
      ends.receiver.watch(calls, { onRing: () => undefined, onHangUp: resolve });
    });
    expect(() => ends.receiver.lookAgain()).toThrow(MISBEHAVED);
  });

  test('is given up also when the peer has died before (11.14)', async () => {
    using ends = open(falseBell);
    ends.sender.close();
    let rings = 0;
    let hangUps = 0;
    ends.receiver.watch(calls, { onRing: () => rings++, onHangUp: () => hangUps++ });
    for (let before = -1; before !== rings || hangUps === 0; ) {
      before = rings;
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    }
    expect(hangUps).toBe(1);
    expect(rings).toBeLessThan(100);
    expect(() => ends.receiver.lookAgain()).toThrow(expect.objectContaining({ code: 'PEER_DIED' }));
  });

  test('is no such if each ring brings news, however many they are', async () => {
    using ends = open(() => Doorbell.create(calls));
    let rings = 0;
    const { sender, receiver } = ends;
    await new Promise<void>((resolve, reject) => {
      receiver.watch(calls, {
        onRing: () => {
          if (++rings === 500) resolve();
          receiver.park();
          sender.deliveries.push(1, 2, 3, 4);
          sender.wakeReceiver();
        },
        onHangUp: () => reject(new Error('the peer was cut off')),
      });
      sender.deliveries.push(1, 2, 3, 4);
      receiver.park();
      sender.wakeReceiver();
    });
  });
});
