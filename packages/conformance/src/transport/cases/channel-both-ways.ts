import type { Loan } from '@pageferry/core';
import { expect, test } from 'vitest';
import { type ChannelStage, describeBothRoles, type Role } from '../harness/channel-stage.js';
import { openFifo } from '../harness/destinations.js';
import { expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Around every border that a transport may have: none, a byte, pages, pieces of a pool, more than a pipe holds. */
const LENGTHS = [0, 1, 4095, 4096, 4097, 65_537, MIB - 1, MIB + 1, 0, 5 * MIB + 3, 17];
const TOTAL = LENGTHS.reduce((sum, length) => sum + length, 0);

/** Each direction of a channel keeps the rules of a sender and a receiver. */
export function describeChannelBothWays(subject: Subject): void {
  describeBothRoles('messages both ways', subject, (stage, role) => {
    describeMessages(stage, role);
    describeFloods(stage, role);
  });
}

function describeMessages(stage: ChannelStage, role: Role): void {
  test('of all sizes, at once, arrive whole and in order', async () => {
    const { here, there } = await stage.pair(role);
    const both = [here.receive(LENGTHS.length), there.receive(LENGTHS.length)];
    await Promise.all([here.send(...LENGTHS), there.send(...LENGTHS)]);
    for (const report of await Promise.all(both)) {
      expectReceived(report, { messages: LENGTHS.length, bytes: TOTAL });
    }
    await Promise.all([here.flush(), there.flush()]);
    const expected = {
      messagesSent: LENGTHS.length,
      messagesReceived: LENGTHS.length,
      bytesSent: TOTAL,
      bytesReceived: TOTAL,
      loansHeld: 0,
      bytesOut: 0,
      deliveriesHeld: 0,
      bytesHeld: 0,
      requestsOpen: 0,
    };
    expect(await here.stats()).toMatchObject(expected);
    expect(await there.stats()).toMatchObject(expected);
  });

  test('are counted from 0 in each direction, and say on which channel they came', async () => {
    const { here, there } = await stage.pair(role);
    await here.send(5, 5);
    expectReceived(await there.receive(2), { messages: 2 });
    await there.send(1, 2, 3);
    for (let sequence = 0; sequence < 3; sequence++) {
      using delivery = await receiveOne(here.channel);
      expect(delivery).toMatchObject({ sequence, byteLength: sequence + 1, isRequest: false });
      expect(delivery.channel).toBe(here.channel);
    }
  });

  test('carry tags of 32 bits, as questions and answers do, and 0 unless it is set', async () => {
    const { here, there } = await stage.bothHere(role);
    for (const tag of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const loan = await here.channel.loan(3);
      loan.tag = tag;
      await loan.send();
      await here.channel.send(new Uint8Array(3), { tag });
      const asking = here.channel.request(new Uint8Array(3), { tag });
      for (let message = 0; message < 3; message++) {
        using delivery = await receiveOne(there.channel);
        expect(delivery.tag).toBe(tag);
        if (delivery.isRequest) await delivery.respond(new Uint8Array(3), { tag: (tag ^ 1) >>> 0 });
      }
      using answer = await asking;
      expect(answer.tag).toBe((tag ^ 1) >>> 0);
    }
    const asking = here.channel.request(new Uint8Array(1));
    using question = await receiveOne(there.channel);
    await question.respond(new Uint8Array(1));
    using answer = await asking;
    expect([question.tag, answer.tag]).toEqual([0, 0]);
  });

  test('are received in every way that a receiver has', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(10, 20, 30, 40, 50, 70_000, 60);
    const { channel } = here;
    await stage.until(() => channel.peek() !== undefined);
    expect(channel.peek()).toEqual({ byteLength: 10, sequence: 0, offset: 0, tag: 0 });
    const lengths: number[] = [];
    await stage.until(() => {
      using delivery = channel.tryReceive();
      if (delivery) lengths.push(delivery.byteLength);
      return lengths.length === 2;
    });
    while (lengths.length < 4) {
      const deliveries = await channel.receiveMany(4 - lengths.length);
      for (const delivery of deliveries) lengths.push(delivery.byteLength);
      channel.releaseMany(deliveries);
    }
    for await (const delivery of channel) {
      lengths.push(delivery.byteLength);
      delivery.release();
      break;
    }
    expect(lengths).toEqual([10, 20, 30, 40, 50]);
    const fifo = openFifo(stage);
    const moved = channel.spliceTo(fifo.fd);
    expect(findMismatch(await fifo.farEnd().read(70_000), 5)).toBe(-1);
    expect(await moved).toMatchObject({ byteLength: 70_000, sequence: 5, tag: 5 });
    here.next = 0;
    expectReceived(await here.receive(1), { messages: 1, bytes: 60, first: 6 });
    expect(channel.stats()).toMatchObject({ messagesReceived: 7, deliveriesHeld: 0, bytesHeld: 0 });
  });

  test('are sent in every way that a sender has', async () => {
    const { here, there } = await stage.pair(role);
    const received = there.receive(6);
    expect(await (await here.filledLoan(100)).send()).toBe('sent');
    expect((await here.filledLoan(200)).trySend()).toBe('sent');
    const loans: Loan[] = [await here.filledLoan(300), await here.filledLoan(400)];
    expect(await here.channel.sendMany(loans)).toBe('sent');
    const copied = [await here.filledLoan(500), await here.filledLoan(600)];
    for (const loan of copied) {
      const bytes = Buffer.from(loan.bytes);
      const { tag } = loan;
      loan.release();
      const pieces = [bytes.subarray(0, 77), bytes.subarray(77)];
      expect(await here.channel.send(tag === 4 ? bytes : pieces, { tag })).toBe('sent');
    }
    expectReceived(await received, { messages: 6, bytes: 2100 });
    await here.flush();
    expect(here.channel.stats()).toMatchObject({ messagesSent: 6, loansHeld: 0, bytesOut: 0 });
  });

  test('that are held do not change while the other side goes on', async () => {
    const pool = { poolBytes: MIB };
    const { here, there } = await stage.pair(role, { here: pool, there: pool });
    await Promise.all([here.sendMany(5, 50_000), there.sendMany(5, 50_000)]);
    await Promise.all([here.hold(5), there.hold(5)]);
    const both = [here.receive(100), there.receive(100)];
    await Promise.all([here.sendMany(100, 50_000), there.sendMany(100, 50_000)]);
    for (const report of await Promise.all(both)) {
      expectReceived(report, { messages: 100, first: 5 });
    }
    for (const side of [here, there]) {
      expectReceived(await side.checkHeld(), { messages: 5, bytes: 250_000 });
      expect(await side.stats()).toMatchObject({ deliveriesHeld: 5, bytesHeld: 250_000 });
      await side.release();
      expect(await side.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    }
    await Promise.all([here.flush(), there.flush()]);
  });

  test('arrive without any polling, too', async () => {
    const still = { spinMicroseconds: 0 };
    const { here, there } = await stage.pair(role, { here: still, there: still });
    const both = [here.receive(200), there.receive(200)];
    await Promise.all([here.sendMany(200, 3000), there.sendMany(200, 3000)]);
    for (const report of await Promise.all(both)) expectReceived(report, { messages: 200 });
    const serving = there.serve(100);
    expect(await here.ask(100, 100)).toEqual({ answered: 100, failures: [], problems: [] });
    await serving;
    await here.flush();
  });
}

/** Both sides send more than there is room for. */
function describeFloods(stage: ChannelStage, role: Role): void {
  const small = { poolBytes: 64 * KIB, maxBorrowedBytes: 64 * KIB };
  const tight = { here: small, there: small };

  test('in floods hold nobody up: everything arrives', async () => {
    const { here, there } = await stage.pair(role, tight);
    const count = 2000;
    const both = [here.receive(count), there.receive(count)];
    await Promise.all([here.sendMany(count, 4000), there.sendMany(count, 4000)]);
    for (const report of await Promise.all(both)) {
      expectReceived(report, { messages: count, bytes: count * 4000 });
    }
    await Promise.all([here.flush(), there.flush()]);
    expect(await here.stats()).toMatchObject({ messagesSent: count, bytesOut: 0 });
    expect(await there.stats()).toMatchObject({ messagesSent: count, bytesOut: 0 });
  });

  test('larger than both pools pass each other', async () => {
    const { here, there } = await stage.pair(role, tight);
    const both = [here.receive(10), there.receive(10)];
    await Promise.all([here.sendMany(10, 300_000), there.sendMany(10, 300_000)]);
    for (const report of await Promise.all(both)) {
      expectReceived(report, { messages: 10, bytes: 3_000_000 });
    }
  });

  test.each([1, 4096, 20_000])(
    'of %i bytes that fill both sides before anybody receives all arrive',
    async (byteLength) => {
      const { here, there } = await stage.pair(role, tight);
      const [ours, theirs] = await Promise.all([here.fill(byteLength), there.fill(byteLength)]);
      expect(ours).toBeGreaterThan(0);
      expect(theirs).toBeGreaterThan(0);
      // One side after the other: neither needs the other one to make room first.
      expectReceived(await here.receive(theirs), { messages: theirs, bytes: theirs * byteLength });
      expectReceived(await there.receive(ours), { messages: ours, bytes: ours * byteLength });
      await Promise.all([here.flush(), there.flush()]);
      // Both pools are as they were.
      const both = [here.receive(3), there.receive(3)];
      await Promise.all([here.sendMany(3, byteLength), there.sendMany(3, byteLength)]);
      expectReceived(await (both[0] as (typeof both)[number]), { messages: 3, first: theirs });
      expectReceived(await (both[1] as (typeof both)[number]), { messages: 3, first: ours });
    },
  );

  test('that are never received do not keep a side from receiving', async () => {
    const { here, there } = await stage.pair(role, tight);
    await here.fill(4096);
    const waiting = here.channel.loan(64 * KIB).then((loan) => loan.release());
    const sent = there.sendMany(100, 4096);
    expectReceived(await here.receive(100), { messages: 100 });
    await sent;
    const drained = there.receive(here.next);
    await waiting;
    expectReceived(await drained, { messages: here.next });
  });
}
