import { establish, openConnection } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterNextLook, expectNothingLeft, openConnectionPair, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Inbox } from '../dist/receiving/inbox.js';

const calls = loadLinuxCalls();
const SETTINGS = { mayDrop: false, firstSequence: 0, payloadBytes: 4096 };

describe('an inbox that found nothing at first', () => {
  expectNothingLeft();

  test('takes what was published before the orderly end', () => {
    using pair = openConnectionPair(calls, { establish, openConnection });
    const inbox = new Inbox({ connection: pair.receiver, ...SETTINGS });
    afterNextLook(pair.receiver, 'deliveriesKnown', () => {
      pair.sender.deliver(5, 1, 7, 0);
      pair.sender.finish();
    });
    expect(inbox.next()).toBe('message');
    expect(inbox).toMatchObject({ byteLength: 5, offset: 64, ticket: 7, sequence: 0 });
    expect(inbox.next()).toBe('end');
  });

  test('takes what was published before the sender died', () => {
    using pair = openConnectionPair(calls, { establish, openConnection });
    const inbox = new Inbox({ connection: pair.receiver, ...SETTINGS });
    afterNextLook(pair.receiver, 'deliveriesKnown', () => {
      pair.sender.deliver(5, 1, 7, 0);
      pair.sender.close();
      pair.receiver.checkPeer();
    });
    expect(inbox.next()).toBe('message');
    expect(() => inbox.next()).toThrow(withCode('PEER_DIED'));
  });

  test('says that there is nothing while the sender is there', () => {
    using pair = openConnectionPair(calls, { establish, openConnection });
    expect(new Inbox({ connection: pair.receiver, ...SETTINGS }).next()).toBeUndefined();
  });
});
