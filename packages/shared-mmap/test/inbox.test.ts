import {
  establish,
  openConnection,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { describe, expect, test, vi } from 'vitest';
import { withCode } from '../../connection/test/support/errors.js';
import { expectNothingLeft } from '../../connection/test/support/process-state.js';
import { Inbox } from '../dist/receiving/inbox.js';

const calls = loadLinuxCalls();
const PAYLOAD_BYTES = 4096;

/** An inbox and the sender's end of its connection; `meanwhile` happens after the inbox has looked. */
function pair(meanwhile: (sender: SenderConnection, receiver: ReceiverConnection) => void) {
  const [ours, theirs] = UnixSocket.pair(calls);
  const { connection: sender, descriptors } = establish(calls, ours, 8);
  const connection = openConnection(calls, theirs, descriptors, 3);
  const look = connection.deliveriesKnown.bind(connection);
  vi.spyOn(connection, 'deliveriesKnown').mockImplementationOnce(() => {
    const known = look();
    meanwhile(sender, connection);
    return known;
  });
  return {
    inbox: new Inbox({
      connection,
      mayDrop: false,
      firstSequence: 0,
      payloadBytes: PAYLOAD_BYTES,
    }),
    [Symbol.dispose]() {
      connection.close();
      sender.close();
    },
  };
}

describe('an inbox that found nothing at first', () => {
  expectNothingLeft();

  test('takes what was published before the orderly end', () => {
    using setUp = pair((sender) => {
      sender.deliver(5, 1, 7, 0);
      sender.finish();
    });
    expect(setUp.inbox.next()).toBe('message');
    expect(setUp.inbox).toMatchObject({ byteLength: 5, offset: 64, ticket: 7, sequence: 0 });
    expect(setUp.inbox.next()).toBe('end');
  });

  test('takes what was published before the sender died', () => {
    using setUp = pair((sender, receiver) => {
      sender.deliver(5, 1, 7, 0);
      sender.close();
      receiver.checkPeer();
    });
    expect(setUp.inbox.next()).toBe('message');
    expect(() => setUp.inbox.next()).toThrow(withCode('PEER_DIED'));
  });

  test('says that there is nothing while the sender is there', () => {
    using setUp = pair(() => undefined);
    expect(setUp.inbox.next()).toBeUndefined();
  });
});
