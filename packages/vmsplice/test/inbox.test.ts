import { establish, openConnection, PLAIN_RECEIVER, PLAIN_SENDER } from '@pageferry/connection';
import { createPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterNextLook, expectNothingLeft, openConnectionPair, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Inbox } from '../dist/receiving/inbox.js';
import { PayloadPipe } from '../dist/receiving/payload-pipe.js';

const calls = loadLinuxCalls();

/** An inbox whose messages are empty: nothing has to be in its pipe. */
function open() {
  const pair = openConnectionPair(calls, {
    establish: (...where) => establish(...where, PLAIN_SENDER),
    openConnection: (...where) => openConnection(...where, PLAIN_RECEIVER),
  });
  const pipe = createPipe(calls);
  return {
    ...pair,
    inbox: new Inbox(pair.receiver, new PayloadPipe(calls, pair.receiver, pipe.readEnd)),
    [Symbol.dispose]() {
      pair[Symbol.dispose]();
      pipe.readEnd.close();
      pipe.writeEnd.close();
    },
  };
}

describe('an inbox that found nothing at first', () => {
  expectNothingLeft();

  test('takes what was announced before the orderly end', () => {
    using opened = open();
    afterNextLook(opened.receiver.deliveries, 'available', () => {
      opened.sender.deliveries.push(0, 0, 0, 0);
      opened.sender.finish();
    });
    expect(opened.inbox.next()).toMatchObject({ sequence: 0, byteLength: 0 });
  });

  test('takes what was announced before the sender died', () => {
    using opened = open();
    afterNextLook(opened.receiver.deliveries, 'available', () => {
      opened.sender.deliveries.push(0, 0, 0, 0);
      opened.sender.close();
      opened.receiver.checkPeer();
    });
    expect(opened.inbox.next()).toMatchObject({ sequence: 0, byteLength: 0 });
  });

  test('tells an orderly end from a death', () => {
    using opened = open();
    expect(opened.inbox.next()).toBeUndefined();
    opened.sender.finish();
    expect(opened.inbox.next()).toBe('end');
    using died = open();
    died.sender.close();
    died.receiver.checkPeer();
    expect(() => died.inbox.next()).toThrow(withCode('PEER_DIED'));
  });
});
