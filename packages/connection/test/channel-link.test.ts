import {
  type ChannelTerms,
  establishChannel,
  openChannel,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  type QueueConsumer,
  type QueueProducer,
} from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const CAPACITY = 8;
const TERMS: ChannelTerms<QueueProducer, QueueConsumer> = {
  outgoing: PLAIN_SENDER,
  incoming: PLAIN_RECEIVER,
};

/** Both sides of a channel, in this process. */
function openPair() {
  const [ours, theirs] = UnixSocket.pair(calls);
  const made = establishChannel(calls, ours, CAPACITY, TERMS);
  const peer = openChannel(calls, theirs, made.descriptors, made.descriptors.length, TERMS);
  const ends = [made.outgoing, made.incoming, peer.outgoing, peer.incoming];
  return {
    made,
    peer,
    [Symbol.dispose]() {
      for (const end of ends) end.close();
    },
  };
}

describe('a link with two directions', () => {
  expectNothingLeft();

  test('tells the other one, soon and once, when one gives the peer up', async () => {
    using pair = openPair();
    const { outgoing, incoming, link } = pair.made;
    let told = 0;
    link.watch(calls, { onRing: () => undefined, onHangUp: () => told++ });
    outgoing.cutOff(true);
    expect([told, incoming.peerGone]).toEqual([0, true]);
    outgoing.close();
    await new Promise(setImmediate);
    expect(told).toBe(1);
    expect(() => incoming.lookAgain()).toThrow(
      expect.objectContaining({ code: 'PEER_MISBEHAVED' }),
    );
    pair.peer.link.checkPeer();
    await new Promise(setImmediate);
    expect(told).toBe(1);
  });

  test('tells nobody once both are closed', async () => {
    using pair = openPair();
    const { outgoing, incoming, link } = pair.made;
    let told = 0;
    link.watch(calls, { onRing: () => undefined, onHangUp: () => told++ });
    outgoing.cutOff(false);
    outgoing.close();
    incoming.close();
    await new Promise(setImmediate);
    expect(told).toBe(0);
  });
});
