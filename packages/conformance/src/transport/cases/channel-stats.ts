import { expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  describeChannels,
  type Role,
} from '../harness/channel-stage.js';
import { expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { expectRefused, NO_FLAGS } from '../harness/unusable.js';
import { ChannelUser } from '../peers/channel-user.js';
import type { Subject } from '../registration.js';
import { expectConsistent, expectCounts } from './stats.js';

const KIB = 1024;
const HISTOGRAMS = { histograms: true };

/** What a channel and a listener count, by the names that a sender and a receiver have for it. */
export function describeChannelStats(subject: Subject): void {
  describeBothRoles('stats of a channel', subject, describeChannel);
  describeChannels('stats of a listener', subject, describeListener);
}

function describeChannel(stage: ChannelStage, role: Role): void {
  test('have what a sender and a receiver have, and its questions', async () => {
    const { here, there } = await stage.pair(role);
    const expected = {
      messagesSent: 0,
      bytesSent: 0,
      loansHeld: 0,
      bytesOut: 0,
      messagesReceived: 0,
      bytesReceived: 0,
      deliveriesHeld: 0,
      bytesHeld: 0,
      requestsOpen: 0,
      sharedBytes: expect.any(Number),
      method: expect.any(String),
    };
    for (const stats of [here.channel.stats(), await there.stats()]) {
      expect(stats).toMatchObject(expected);
      expect(stats).not.toHaveProperty('histograms');
    }
  });

  test('tell memory that both processes map from what is of one alone', async () => {
    const { here, there } = await stage.pair(role);
    const { processes } = stage.subject;
    const sharesMemory = processes && stage.capabilities.zeroCopyReceive;
    await there.send(100 * KIB);
    await here.hold(1);
    const { sharedBytes } = here.channel.stats();
    if (sharesMemory) expect(sharedBytes).toBeGreaterThanOrEqual(100 * KIB);
    else expect(sharedBytes).toBe(0);
    await here.close();
    expect(here.channel.stats().sharedBytes).toBe(0);
  });

  test('have histograms of both directions, and of answers', async () => {
    const { here, there } = await stage.pair(role, { here: HISTOGRAMS, there: HISTOGRAMS });
    await here.send(5, 6);
    expectReceived(await there.receive(2), { messages: 2 });
    const asking = here.ask(3, 100);
    await there.answer(2, 'respond');
    await there.answer(1, 'reject');
    expect((await asking).failures).toHaveLength(1);
    const { histograms } = here.channel.stats();
    expectCounts(histograms?.sentBytes, [0, 0, 0, 2, 0, 0, 0, 3]);
    expect(histograms?.receivedBytes.count).toBe(3);
    expect(histograms?.heldMicroseconds.count).toBe(3);
    expect(histograms?.answeredMicroseconds.count).toBe(3);
    expect(histograms?.answeredMicroseconds.sum).toBeGreaterThan(0);
    expectConsistent(histograms?.answeredMicroseconds);
    expectConsistent(histograms?.waitedMicroseconds);
    const other = (await there.stats()).histograms;
    expectCounts(other?.receivedBytes, [0, 0, 0, 2, 0, 0, 0, 3]);
    expect(other?.sentBytes.count).toBe(3);
    expect(other?.answeredMicroseconds.count).toBe(0);
  });
}

function describeListener(stage: ChannelStage): void {
  test('add up its channels, also those that are closed by now', async () => {
    const listener = await stage.listener(HISTOGRAMS);
    expect(listener.stats()).toMatchObject({ channelsOpen: 0, messagesSent: 0, bytesOut: 0 });
    const pairs = [];
    for (let number = 0; number < 2; number++) {
      const there = await stage.remoteChannel(listener.endpoint);
      pairs.push({ there, here: new ChannelUser(await listener.accept()) });
    }
    const [one, two] = pairs;
    if (one === undefined || two === undefined) throw new Error('there are two');
    await one.here.send(1, 2, 3);
    await two.here.send(4);
    expectReceived(await one.there.receive(3), { messages: 3 });
    expectReceived(await two.there.receive(1), { messages: 1 });
    await two.there.send(500);
    const held = await receiveOne(two.here.channel);
    const expected = {
      messagesSent: 4,
      bytesSent: 10,
      messagesReceived: 1,
      bytesReceived: 500,
      deliveriesHeld: 1,
      bytesHeld: 500,
      requestsOpen: 0,
      channelsOpen: 2,
    };
    expect(listener.stats()).toMatchObject(expected);
    expectCounts(listener.stats().histograms?.sentBytes, [0, 1, 2, 1]);
    await one.here.close();
    expect(listener.stats()).toMatchObject({ ...expected, channelsOpen: 1 });
    expectCounts(listener.stats().histograms?.sentBytes, [0, 1, 2, 1]);
    held.release();
    expect(listener.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    await listener.close();
    expect(listener.stats()).toMatchObject({
      messagesSent: 4,
      messagesReceived: 1,
      channelsOpen: 0,
      sharedBytes: 0,
    });
    expect(listener.stats().histograms?.heldMicroseconds.count).toBe(1);
  });

  test('count the pool once, and what is lent to go to any channel', async () => {
    const listener = await stage.listener();
    const peers = [];
    for (let number = 0; number < 3; number++) {
      peers.push(await stage.remoteChannel(listener.endpoint));
    }
    const channels = [await listener.accept(), await listener.accept(), await listener.accept()];
    const any = listener.anyChannel();
    const loan = await any.loan(10 * KIB);
    const { loansHeld, bytesOut } = listener.stats();
    expect(loansHeld).toBe(1);
    expect(bytesOut).toBeGreaterThanOrEqual(10 * KIB);
    expect(bytesOut).toBeLessThan(20 * KIB);
    await loan.send();
    expect(listener.stats()).toMatchObject({ messagesSent: 1, bytesSent: 10 * KIB, loansHeld: 0 });
    const [channel] = channels;
    const single = channel?.stats().sharedBytes ?? 0;
    const all = listener.stats().sharedBytes;
    if (single === 0) expect(all).toBe(0);
    else expect(all).toBeLessThan(3 * single);
    expect(listener.stats()).not.toHaveProperty('histograms');
    expect(peers).toHaveLength(3);
  });

  test('have histograms where they are asked for, with true or false and nothing else', async () => {
    const { transport } = stage.subject;
    const listener = await stage.listener();
    const { endpoint } = listener;
    await expectRefused(
      NO_FLAGS,
      (value) => transport.listen({ endpoint: stage.endpoint(), histograms: value }),
      'histograms',
    );
    await expectRefused(
      NO_FLAGS,
      (value) => transport.connect({ endpoint, histograms: value }),
      'histograms',
    );
    expect(listener.channels).toEqual([]);
  });
}
