import { existsSync, statSync } from 'node:fs';
import type { Channel } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { type ChannelStage, describeChannels, ROLES } from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { observe, turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import { ChannelUser } from '../peers/channel-user.js';
import type { Subject } from '../registration.js';

/** Those who listen and those who connect find each other, and nobody else. */
export function describeChannelMeeting(subject: Subject): void {
  const { maxChannels } = subject.transport.capabilities;

  describe.runIf(maxChannels === 0)('a transport without channels', () => {
    const stage = useStage(subject);

    test('says that it has none', async () => {
      const { transport } = subject;
      const endpoint = stage.endpoint();
      await expectFailure(() => transport.listen({ endpoint }), 'NOT_SUPPORTED');
      await expectFailure(() => transport.connect({ endpoint }), 'NOT_SUPPORTED');
      expect(existsSync(endpoint)).toBe(false);
    });
  });

  describeChannels('meeting over channels', subject, (stage) => {
    describeFinding(stage);
    describeRoom(stage);
    describeListeners(stage, subject);
    describeMismatches(stage);
    describePeers(stage, subject);
  });
}

function describeFinding(stage: ChannelStage): void {
  test('who connects first waits for who listens', async () => {
    const endpoint = stage.endpoint();
    const early = observe(stage.channel(endpoint));
    await turns();
    expect(early.state()).toBe('pending');
    const listener = await stage.remoteListener(endpoint);
    const here = new ChannelUser(await early.promise);
    const there = await listener.accept();
    await here.send(1234);
    await there.send(4321);
    expectReceived(await there.receive(1), { messages: 1, bytes: 1234 });
    expectReceived(await here.receive(1), { messages: 1, bytes: 4321 });
  });

  test('who listens first waits for who connects', async () => {
    const listener = await stage.listener();
    const waiting = observe(listener.accept());
    await turns();
    expect(waiting.state()).toBe('pending');
    const there = await stage.remoteChannel(listener.endpoint);
    const here = new ChannelUser(await waiting.promise);
    await there.send(1234);
    await here.send(4321);
    expectReceived(await here.receive(1), { messages: 1, bytes: 1234 });
    expectReceived(await there.receive(1), { messages: 1, bytes: 4321 });
  });

  test('what is sent before anybody accepts is kept', async () => {
    const listener = await stage.listener();
    const there = await stage.remoteChannel(listener.endpoint);
    await there.send(10, 20_000, 0);
    const here = new ChannelUser(await listener.accept());
    expectReceived(await here.receive(3), { messages: 3, bytes: 20_010 });
  });

  test('accept gives each channel once, in the order in which they came', async () => {
    const listener = await stage.listener();
    const calls = [listener.accept(), listener.accept()];
    const first = await stage.remoteChannel(listener.endpoint);
    await stage.until(() => listener.channels.length === 1);
    const second = await stage.remoteChannel(listener.endpoint);
    const accepted = await Promise.all(calls);
    expect(accepted).toEqual(listener.channels);
    expect(accepted[0]).not.toBe(accepted[1]);
    await first.send(1);
    await second.send(2);
    for (const [index, channel] of accepted.entries()) {
      expectReceived(await new ChannelUser(channel).receive(1), { messages: 1, bytes: index + 1 });
    }
    const none = observe(listener.accept());
    await turns();
    expect(none.state()).toBe('pending');
    none.promise.catch(() => {});
  });

  test('a channel that was closed before it was accepted is not given out', async () => {
    const listener = await stage.listener();
    await stage.remoteChannel(listener.endpoint);
    await stage.until(() => listener.channels.length === 1);
    await listener.channels[0]?.close();
    const second = await stage.remoteChannel(listener.endpoint);
    const here = await listener.accept();
    await second.send(7);
    expectReceived(await new ChannelUser(here).receive(1), { messages: 1, bytes: 7 });
  });
}

function describePeers(stage: ChannelStage, { processes, knowsPeers }: Subject): void {
  test.runIf(processes)('each side knows process and user of the other, where it can', async () => {
    const uid = process.getuid?.();
    const told = (peer: object) => (knowsPeers ? expect.objectContaining(peer) : undefined);
    for (const role of ROLES) {
      const { here, there } = await stage.pair(role);
      const { pid } = await there.peer.call('usage');
      expect(here.channel.peer).toEqual(told({ pid, uid }));
      expect((await there.state()).peer).toEqual(told({ pid: process.pid, uid }));
    }
  });
}

function describeRoom(stage: ChannelStage): void {
  test('one channel more than maxChannels is PEER_REJECTED, until another is closed', async () => {
    const listener = await stage.listener({ maxChannels: 1 });
    const first = await stage.remoteChannel(listener.endpoint);
    await expectFailure(() => stage.channel(listener.endpoint), 'PEER_REJECTED');
    const here = new ChannelUser(await listener.accept());
    await first.send(100);
    expectReceived(await here.receive(1), { messages: 1 });
    await here.close();
    await first.close();
    const second = await stage.remoteChannel(listener.endpoint);
    await second.send(5);
    expectReceived(await new ChannelUser(await listener.accept()).receive(1), { messages: 1 });
  });

  test('one whose peer has left makes room for another', async () => {
    const listener = await stage.listener({ maxChannels: 1 });
    for (let round = 0; round < 3; round++) {
      const there = await stage.remoteChannel(listener.endpoint);
      await there.send(100 + round);
      using delivery = await listener.receive();
      expect(delivery?.byteLength).toBe(100 + round);
      await there[round === 1 ? 'destroy' : 'close']();
      // Who has ended is noticed by who looks.
      await stage.until(
        () => listener.tryReceive() === undefined && listener.channels.length === 0,
      );
    }
  });
}

function describeListeners(stage: ChannelStage, subject: Subject): void {
  test('an endpoint where somebody listens is ENDPOINT_IN_USE, and the listener works on', async () => {
    const listener = await stage.listener();
    await expectFailure(() => stage.listener({}, listener.endpoint), 'ENDPOINT_IN_USE');
    await expectFailure(() => stage.sender({}, listener.endpoint), 'ENDPOINT_IN_USE');
    const there = await stage.remoteChannel(listener.endpoint);
    await there.send(3);
    expect((await listener.receive())?.byteLength).toBe(3);
  });

  test('an endpoint of a sender is ENDPOINT_IN_USE', async () => {
    const sender = await stage.sender();
    await expectFailure(() => stage.listener({}, sender.endpoint), 'ENDPOINT_IN_USE');
  });

  test.each(['close', 'destroy'] as const)(
    'after %s the endpoint can be used again',
    async (end) => {
      const first = await stage.listener();
      await stage.remoteChannel(first.endpoint);
      await first[end]();
      expect(existsSync(first.endpoint)).toBe(false);
      const second = await stage.listener({}, first.endpoint);
      const there = await stage.remoteChannel(second.endpoint);
      await there.send(3);
      expect((await second.receive())?.byteLength).toBe(3);
    },
  );

  test.runIf(subject.processes)('its socket file is for its own user alone', async () => {
    const { endpoint } = await stage.listener();
    expect(statSync(endpoint).isSocket()).toBe(true);
    expect(statSync(endpoint).mode & 0o777).toBe(0o600);
  });

  test.runIf(subject.processes)('what a killed listener left behind is replaced', async () => {
    const killed = await stage.remoteListener();
    await killed.peer.end();
    const listener = await stage.listener({}, killed.endpoint);
    const there = await stage.remoteChannel(listener.endpoint);
    await there.send(3);
    expect((await listener.receive())?.byteLength).toBe(3);
  });
}

function describeMismatches(stage: ChannelStage): void {
  test('a receiver of messages for everybody is refused by a listener: TRANSPORT_MISMATCH', async () => {
    const listener = await stage.listener();
    await expectFailure(() => stage.receiver(listener.endpoint), 'TRANSPORT_MISMATCH');
    expect(listener.channels).toEqual([]);
    const there = await stage.remoteChannel(listener.endpoint);
    await there.send(3);
    expect((await listener.receive())?.byteLength).toBe(3);
  });

  test('connect is refused by a sender for everybody: TRANSPORT_MISMATCH', async () => {
    const sender = await stage.sender();
    const connect = (): Promise<Channel> => stage.channel(sender.endpoint);
    await expectFailure(connect, 'TRANSPORT_MISMATCH');
    expect(sender.receivers).toEqual([]);
    const receiver = await stage.remoteReceiver(sender.endpoint);
    await sender.waitForReceivers();
    await sender.send(Buffer.alloc(0));
    expect(await receiver.receive(1)).toMatchObject({ messages: 1 });
  });
}
