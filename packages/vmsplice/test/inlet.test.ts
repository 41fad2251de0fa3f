import {
  establish,
  openConnection,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import { createPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import {
  afterNextLook,
  type ConnectionPair,
  expectNothingLeft,
  openConnectionPair,
  withCode,
} from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { PagePool } from '../dist/memory/page-pool.js';
import { Inlet } from '../dist/receiving/inlet.js';

const calls = loadLinuxCalls();

/** An inlet whose messages are empty: nothing has to be in its pipe. */
function openInlet(): ConnectionPair<SenderConnection, ReceiverConnection> & {
  readonly inlet: Inlet;
} {
  const pair = openConnectionPair(calls, { establish, openConnection });
  const pool = new PagePool(calls, 4096);
  const pipe = createPipe(calls);
  return {
    ...pair,
    inlet: new Inlet({ calls, connection: pair.receiver, pipe: pipe.readEnd, pool }),
    [Symbol.dispose]() {
      pair[Symbol.dispose]();
      pool.close();
      pipe.readEnd.close();
      pipe.writeEnd.close();
    },
  };
}

describe('an inlet that found nothing at first', () => {
  expectNothingLeft();

  test('takes what was announced before the orderly end', () => {
    using opened = openInlet();
    afterNextLook(opened.receiver, 'deliveriesAvailable', () => {
      opened.sender.deliver(0, 0, 0, 0);
      opened.sender.finish();
    });
    expect(opened.inlet.message()).toMatchObject({ sequence: 0, byteLength: 0 });
  });

  test('takes what was announced before the sender died', () => {
    using opened = openInlet();
    afterNextLook(opened.receiver, 'deliveriesAvailable', () => {
      opened.sender.deliver(0, 0, 0, 0);
      opened.sender.close();
      opened.receiver.checkPeer();
    });
    expect(opened.inlet.message()).toMatchObject({ sequence: 0, byteLength: 0 });
  });

  test('tells an orderly end from a death', () => {
    using opened = openInlet();
    expect(opened.inlet.message()).toBeUndefined();
    opened.sender.finish();
    expect(opened.inlet.message()).toBe('end');
    using died = openInlet();
    died.sender.close();
    died.receiver.checkPeer();
    expect(() => died.inlet.message()).toThrow(withCode('PEER_DIED'));
  });
});
