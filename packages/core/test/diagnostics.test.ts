import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  ByteQuota,
  ConnectionFailures,
  type DiagnosticsEvents,
  PageferryError,
} from '@pageferry/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeReceiver } from './support/fake-receiver.js';
import { FakeSender } from './support/fake-sender.js';

function heard<N extends keyof DiagnosticsEvents>(name: N): DiagnosticsEvents[N][] {
  const events: DiagnosticsEvents[N][] = [];
  const note = (event: unknown) => events.push(event as DiagnosticsEvents[N]);
  subscribe(name, note);
  onTestFinished(() => void unsubscribe(name, note));
  return events;
}

describe('diagnostics', () => {
  test('tell of a peer that breaks the protocol: it is cut off, and gone; once', async () => {
    const [cutOff, gone] = [heard('pageferry:cut-off'), heard('pageferry:disconnect')];
    const receiver = new FakeReceiver();
    const reason = new PageferryError('PEER_MISBEHAVED', 'it lies');
    receiver.end(reason);
    for (let count = 0; count < 2; count++) {
      await expect(receiver.receive()).rejects.toBe(reason);
    }
    expect(cutOff).toEqual([{ reason }]);
    expect(gone).toEqual([{ side: 'receiver', reason }]);
  });

  test('tell of a connection that this side has ended, because something failed here', () => {
    const cutOff = heard('pageferry:cut-off');
    const failures = new ConnectionFailures();
    failures.endpoint = '/there';
    const reason = new Error('no descriptors');
    failures.add(reason);
    expect(cutOff).toEqual([{ endpoint: '/there', reason }]);
  });

  test('tell of a sender that copies where it need not, and why', () => {
    const fallbacks = heard('pageferry:fallback');
    new FakeSender();
    expect(fallbacks).toEqual([{ endpoint: '/fake', method: 'fake', reason: 'it is a test' }]);
  });

  test('tell each second of a receive that waits for a release', async () => {
    const stalls = heard('pageferry:stall');
    const receiver = new FakeReceiver(0, false, new ByteQuota(10));
    receiver.arrive(10);
    receiver.arrive(10);
    using held = await receiver.receive();
    await expect(receiver.receive({ timeout: 1200 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(stalls).toMatchObject([{ call: 'receive' }]);
    expect(stalls[0]?.waitsFor).toContain('holds all it may');
    expect(held?.byteLength).toBe(10);
  });
});
