import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticsEvents } from '@pageferry/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { describeBothRoles } from '../harness/channel-stage.js';
import { expectFailure } from '../harness/expectations.js';
import { observeProgram, runProgram } from '../harness/program.js';
import { turns } from '../harness/settling.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const POOL_BYTES = 64 * 1024;

/** What `node:diagnostics_channel` is told: who comes, who goes and why, and what waits for what. */
export function describeDiagnostics(subject: Subject): void {
  describe('diagnostics', () => {
    const stage = useStage(subject);
    // Some is told soon after: whatever the test before was about is over.
    beforeEach(() => turns(1));
    describePeers(stage);
    describeStalls(stage);
    describe.runIf(subject.processes)('of a whole process', () => describePrograms(stage));
  });
  describeBothRoles('diagnostics of a channel', subject, (channels, role) => {
    beforeEach(() => turns(1));
    test('tell of its peer, and of the end of it', async () => {
      const connected = heard(channels, 'pageferry:connect');
      const gone = heard(channels, 'pageferry:disconnect');
      const { here, there } = await channels.pair(role);
      const [event] = await eventually(channels, () => ofSide(connected, 'channel'));
      expect(event).toMatchObject({ side: 'channel', endpoint: expect.any(String) });
      expect(gone).toEqual([]);
      await there.destroy();
      await expectFailure(() => here.channel.receive(), 'PEER_DIED');
      expect(ofSide(gone, 'channel')).toEqual([
        { ...event, reason: expect.objectContaining({ code: 'PEER_DIED' }) },
      ]);
    });
  });
}

function describePeers(stage: Stage): void {
  test('tell a sender of receivers that come and go', async () => {
    const connected = heard(stage, 'pageferry:connect');
    const gone = heard(stage, 'pageferry:disconnect');
    const { sender, receiver } = await stage.outgoing();
    const { endpoint } = sender;
    const receiverInfo = expect.objectContaining({ messagesBehind: 0 });
    expect(ofSide(connected, 'sender')).toEqual([
      { side: 'sender', endpoint, receiver: receiverInfo },
    ]);
    expect(ofSide(gone, 'sender')).toEqual([]);
    await receiver.close();
    expect(await eventually(stage, () => ofSide(gone, 'sender'))).toMatchObject([
      { side: 'sender', endpoint, receiver: {} },
    ]);
  });

  test.runIf(stage.subject.processes)('tell a sender of a receiver that is killed', async () => {
    const gone = heard(stage, 'pageferry:disconnect');
    const { sender, receiver } = await stage.outgoing();
    await receiver.peer.end();
    expect(await eventually(stage, () => gone)).toMatchObject([
      { side: 'sender', endpoint: sender.endpoint, receiver: {} },
    ]);
  });

  test('tell a receiver of a sender that ends out of order, with the error', async () => {
    const connected = heard(stage, 'pageferry:connect');
    const gone = heard(stage, 'pageferry:disconnect');
    const { sender, receiver } = await stage.incoming();
    const [event] = await eventually(stage, () => ofSide(connected, 'receiver'));
    expect(event).toEqual({ side: 'receiver', endpoint: expect.any(String) });
    await sender.destroy();
    for (let time = 0; time < 2; time++) await expectFailure(() => receiver.receive(), 'PEER_DIED');
    expect(ofSide(gone, 'receiver')).toEqual([
      { ...event, reason: expect.objectContaining({ code: 'PEER_DIED' }) },
    ]);
  });

  test('tell once of a sender that ends in order, without a reason', async () => {
    const connected = heard(stage, 'pageferry:connect');
    const gone = heard(stage, 'pageferry:disconnect');
    const { sender, receiver } = await stage.incoming();
    // Told in a tick of its own: a transport within one thread may come to the end before that.
    const events = await eventually(stage, () => ofSide(connected, 'receiver'));
    const closing = sender.close();
    expect(await receiver.receive()).toBeUndefined();
    expect(await receiver.receive()).toBeUndefined();
    await closing;
    expect(ofSide(gone, 'receiver')).toEqual(events);
  });
}

function describeStalls(stage: Stage): void {
  test('tell each second of a loan that waits for room, and what for', async () => {
    const stalls = heard(stage, 'pageferry:stall');
    const sender = await stage.sender({ poolBytes: POOL_BYTES });
    using held = await sender.loan(POOL_BYTES);
    const giveUp = new AbortController();
    const waiting = sender.loan(POOL_BYTES, { signal: giveUp.signal });
    waiting.catch(() => undefined);
    const [stall] = await eventually(stage, () => stalls);
    giveUp.abort();
    await expectFailure(() => waiting, 'ABORTED');
    expect(stall).toMatchObject({ endpoint: sender.endpoint, call: 'loan' });
    // A second, or nearly: a timer is early now and then.
    expect(stall?.milliseconds).toBeGreaterThan(900);
    expect(stall?.waitsFor).toContain('no room for 64 KiB');
    expect(held.owned).toBe(true);
  });

  test('are silent while a receiver is idle', async () => {
    const stalls = heard(stage, 'pageferry:stall');
    const { receiver } = await stage.incoming();
    await expectFailure(() => receiver.receive({ timeout: 1500 }), 'TIMEOUT');
    expect(stalls).toEqual([]);
  });
}

function describePrograms(stage: Stage): void {
  /** A sender and a receiver on one event loop, of which everything is over at the end. */
  const talk = () => `
    const endpoint = ${JSON.stringify(stage.endpoint())};
    const sender = await transport.createSender({ endpoint, ...senderOptions });
    const receiver = await transport.createReceiver({ endpoint, ...receiverOptions });
    await sender.waitForReceivers();
    const sending = sender.send(Uint8Array.of(7));
    const delivery = await receiver.receive();
    say(delivery.bytes[0]);
    delivery.release();
    await sending;
    const closing = sender.close();
    await receiver.receive();
    await closing;
    await receiver.close();`;

  test('are printed where NODE_DEBUG asks for that, and nowhere else', async () => {
    const { printed } = await observeProgram(stage.subject, talk(), { nodeDebug: 'pageferry' });
    expect(printed).toMatch(/^PAGEFERRY \d+: connect \{/m);
    expect(printed).toMatch(/^PAGEFERRY \d+: disconnect \{/m);
    expect((await observeProgram(stage.subject, talk())).printed).not.toContain('PAGEFERRY');
  });

  test('do not mind a subscriber that throws', async () => {
    const said = await runProgram(
      stage.subject,
      `const { subscribe } = await import('node:diagnostics_channel');
      const thrown = [];
      process.on('uncaughtException', ({ message }) => thrown.push(message));
      subscribe('pageferry:connect', () => { throw new Error('mine'); });
      ${talk()}
      while (thrown.length < 2) await new Promise(setImmediate);
      say(thrown);`,
    );
    expect(said).toEqual([7, ['mine', 'mine']]);
  });
}

type Events = DiagnosticsEvents;

/** All events of one name from now on, to the end of the test. */
function heard<N extends keyof Events>(stage: Stage, name: N): Events[N][] {
  const events: Events[N][] = [];
  const note = (event: unknown) => events.push(event as Events[N]);
  subscribe(name, note);
  stage.defer(() => unsubscribe(name, note));
  return events;
}

/** Those that this side tells of: a peer may live in this thread, and tells of its own. */
function ofSide<E extends { readonly side: string }>(events: readonly E[], side: string): E[] {
  return events.filter((event) => event.side === side);
}

/** Waits until there are some. */
async function eventually<E>(stage: Stage, events: () => readonly E[]): Promise<readonly E[]> {
  await stage.until(() => events().length > 0);
  return events();
}
