import { expect, test } from 'vitest';
import { type ChannelStage, describeBothRoles, type Role } from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { expectAnswered } from '../harness/questions.js';
import type { Subject } from '../registration.js';

const KIB = 1024;

/** One side has said all it had to say, and listens on. */
export function describeHalfClose(subject: Subject): void {
  describeBothRoles('half-close', subject, (stage, role) => {
    describeOrder(stage, role);
    describeGivingUp(stage, role);
  });
}

function describeOrder(stage: ChannelStage, role: Role): void {
  test('the other side gets everything first, and sends on', async () => {
    const { here, there } = await stage.pair(role);
    const lengths = [1, 0, 4096, 70_000, 2_000_000, 5];
    const received = there.receive();
    await here.send(...lengths);
    await here.finish();
    const bytes = lengths.reduce((sum, length) => sum + length, 0);
    expectReceived(await received, { messages: lengths.length, bytes, ended: true });
    expect(await there.state()).toMatchObject({ ended: true, finished: false, closed: false });
    expect(await here.state()).toMatchObject({ ended: false, finished: true, closed: false });
    const back = here.receive();
    await there.sendMany(200, 3000);
    await there.send(...lengths);
    await there.finish();
    expectReceived(await back, { messages: 206, ended: true });
    await Promise.all([here.close(), there.close()]);
  });

  test('what is sent afterwards is refused with what is so', async () => {
    const { here } = await stage.pair(role);
    await here.finish();
    const { message } = await expectFailure(() => here.channel.loan(1), 'CLOSED');
    expect(message).toBe('this channel is closed, or has finished sending');
  });

  test('this side gets everything first, and sends on', async () => {
    const { here, there } = await stage.pair(role);
    const received = here.receive();
    await there.send(1, 0, 4096, 70_000, 2_000_000, 5);
    await there.finish();
    expectReceived(await received, { messages: 6, ended: true });
    const back = there.receive();
    await here.sendMany(200, 3000);
    await here.finish();
    expectReceived(await back, { messages: 200, ended: true });
  });

  test('what fills the pool is drained before the end', async () => {
    const small = { poolBytes: 64 * KIB };
    const { here, there } = await stage.pair(role, { here: small, there: small });
    const [ours, theirs] = [await here.fill(1000), await there.fill(1000)];
    // Where messages leave only as they are received, finish waits for that.
    const finishing = [here.finish(), there.finish()];
    expectReceived(await here.receive(), { messages: theirs, ended: true });
    expectReceived(await there.receive(), { messages: ours, ended: true });
    await Promise.all(finishing);
  });

  test('both sides may finish at once, in the middle of a flood', async () => {
    const small = { poolBytes: 64 * KIB };
    const { here, there } = await stage.pair(role, { here: small, there: small });
    const both = [here.receive(), there.receive()];
    const flood = async (side: typeof here | typeof there): Promise<void> => {
      await side.sendMany(500, 2000);
      await side.finish();
    };
    await Promise.all([flood(here), flood(there)]);
    for (const report of await Promise.all(both)) {
      expectReceived(report, { messages: 500, ended: true });
    }
  });

  test('a loop over the messages ends, and its side sends on', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(1, 2, 3);
    await there.finish();
    const lengths: number[] = [];
    for await (using delivery of here.channel) lengths.push(delivery.byteLength);
    expect(lengths).toEqual([1, 2, 3]);
    await here.send(4);
    expectReceived(await there.receive(1), { messages: 1, bytes: 4 });
  });

  test('a loop that polls sees the end, and not before it', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    await there.send(1, 2, 3);
    await there.finish();
    let messages = 0;
    await stage.until(() => {
      using delivery = channel.tryReceive();
      if (delivery) messages++;
      // What is here comes before the end.
      if (channel.ended) expect(messages).toBe(3);
      return channel.ended;
    });
    expect(channel.closed).toBe(false);
  });

  test('questions that were asked before are still answered', async () => {
    const { here, there } = await stage.pair(role);
    const asking = here.ask(20, 500);
    await stage.until(() => here.channel.stats().messagesSent === 20);
    await here.finish();
    const answered = there.answer(20, 'respond');
    expectAnswered(await asking, 20);
    await answered;
    expectReceived(await there.receive(), { messages: 0, ended: true });
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('questions of the other side are answered no more, and it is told', async () => {
    const { here, there } = await stage.pair(role);
    const asking = there.ask(3, 500);
    await here.hold(0);
    await here.finish();
    expect((await asking).failures).toEqual(Array(3).fill('REQUEST_UNANSWERED'));
    // They are messages all the same.
    const questions = await here.channel.receiveMany(3);
    here.channel.releaseMany(questions);
    expect(questions.length).toBeGreaterThan(0);
  });
}

/** A finish that was given up is no orderly end. */
function describeGivingUp(stage: ChannelStage, role: Role): void {
  test.each(['finish', 'close'] as const)(
    '%s that was aborted before it began destroys the channel',
    async (end) => {
      const { here, there } = await stage.pair(role);
      const received = there.receive().catch((error: unknown) => error);
      await expectFailure(() => here.channel[end]({ signal: AbortSignal.abort() }), 'ABORTED');
      expect(here.channel.closed).toBe(true);
      expect(await received).toMatchObject({ code: 'PEER_DIED' });
      await expectFailure(() => here.channel.receive(), 'CLOSED');
    },
  );

  test('a destroy ends a finish that is under way', async () => {
    const { here, there } = await stage.pair(role);
    await here.fill(1000);
    const finishing = here.finish();
    await here.destroy();
    await finishing;
    const report = await there.receive().catch((error: unknown) => error);
    // Either the end was told before, or it never is.
    if (report instanceof Error) expect(report).toMatchObject({ code: 'PEER_DIED' });
    else expect(report).toMatchObject({ ended: true, problems: [] });
  });
}
