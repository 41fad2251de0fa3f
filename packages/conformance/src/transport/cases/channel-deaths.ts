import { expect, test } from 'vitest';
import { type ChannelStage, describeBothRoles, type Role } from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The process of the other side is killed, at every point where it hurts. */
export function describeChannelDeaths(subject: Subject): void {
  const title = 'death at the other end of a channel';
  describeBothRoles(title, subject, describeKills, subject.processes);
}

function describeKills(stage: ChannelStage, role: Role): void {
  test('what had arrived whole is delivered, then PEER_DIED each time', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(1, 4096, 0, 50_000, 7);
    await there.peer.end();
    expectReceived(await here.receive(5), { messages: 5, bytes: 54_104 });
    for (let time = 0; time < 3; time++) {
      await expectFailure(() => here.channel.receive(), 'PEER_DIED');
      await expectFailure(() => here.channel.tryReceive(), 'PEER_DIED');
    }
    expect(here.channel.ended).toBe(false);
  });

  test('calls that wait and open requests fail with PEER_DIED', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    const asking = here.ask(3, 100);
    await there.answer(2, 'keep');
    const waiting = [
      channel.receive(),
      channel.receiveMany(2),
      channel.receive({ timeout: 60_000 }),
    ];
    const failures = waiting.map((call) => expectFailure(() => call, 'PEER_DIED'));
    await there.peer.end();
    await Promise.all(failures);
    expect((await asking).failures).toEqual(Array(3).fill('PEER_DIED'));
    // What was not sent any more is the caller's.
    const loan = await here.channel.loan(5);
    await stage.until(async () => (await loan.send()) === 'no-receiver');
    await expectFailure(() => here.channel.request(loan), 'PEER_DIED');
    expect(loan.owned).toBe(true);
    loan.release();
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 0 });
  });

  test('an answer that had arrived is delivered', async () => {
    const { here, there } = await stage.pair(role);
    const asking = here.ask(2, 5000);
    await there.answer(1, 'respond');
    await there.peer.end();
    expect(await asking).toEqual({ answered: 1, failures: ['PEER_DIED'], problems: [] });
  });

  test('while it sends, what came is whole and in order', async () => {
    const { here, there } = await stage.pair(role);
    const sending = there.sendMany(100_000, 3000).catch(() => undefined);
    const receiving = here.receive().catch((error: unknown) => error);
    await stage.until(() => here.channel.stats().messagesReceived >= 200);
    await there.peer.end();
    expect(await receiving).toMatchObject({ code: 'PEER_DIED' });
    await sending;
    const { messagesReceived, deliveriesHeld } = here.channel.stats();
    expect(messagesReceived).toBeGreaterThanOrEqual(200);
    expect(deliveriesHeld).toBe(0);
  });

  test('while it receives, this side is told and gets its memory back', async () => {
    const { here, there } = await stage.pair(role, { here: { poolBytes: MIB } });
    void there.receive().catch(() => {});
    const flooding = (async () => {
      for (;;) {
        using loan = await here.filledLoan(10_000);
        if ((await loan.send()) === 'no-receiver') return;
      }
    })();
    await stage.until(() => here.channel.stats().messagesSent >= 200);
    await there.peer.end();
    await flooding;
    await here.flush();
    expect(here.channel.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
  });

  test('while it holds deliveries, their memory comes back', async () => {
    const { here, there } = await stage.pair(role);
    await here.sendMany(4, 10_000);
    await there.hold(2);
    const flush = here.flush();
    await there.peer.end();
    await flush;
    expect(here.channel.stats()).toMatchObject({ messagesSent: 4, bytesOut: 0 });
    // Closing is as ever.
    await here.close();
    await expectFailure(() => here.channel.receive(), 'CLOSED');
  });

  test('while both pools are full, whoever waits goes on', async () => {
    const small = { poolBytes: 64 * KIB };
    const { here, there } = await stage.pair(role, { here: small, there: small });
    const [, theirs] = await Promise.all([here.fill(4096), there.fill(4096)]);
    const loan = here.channel.loan(64 * KIB);
    await there.peer.end();
    const lent = await loan;
    expect(await lent.send()).toBe('no-receiver');
    expect(lent.owned).toBe(true);
    lent.release();
    expectReceived(await here.receive(theirs), { messages: theirs });
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
  });

  test('deliveries that are held stay intact, and questions among them can be let go', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(300_000);
    await here.hold(1);
    void there.ask(1, 100).catch(() => {});
    const question = await receiveOne(here.channel);
    await there.peer.end();
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    expectReceived(await here.checkHeld(), { messages: 1, bytes: 300_000 });
    await here.release();
    const answer = await here.channel.loan(5);
    expect(await question.respond(answer)).toBe('no-receiver');
    expect(answer.owned).toBe(true);
    answer.release();
    question.release();
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, loansHeld: 0, bytesOut: 0 });
  });

  test('after it has finished it has ended in order', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(5, 6);
    await there.finish();
    await there.peer.end();
    expectReceived(await here.receive(), { messages: 2, ended: true });
    expectReceived(await here.receive(), { messages: 0, ended: true });
    await stage.until(async () => (await here.channel.send(new Uint8Array(1))) === 'no-receiver');
    await here.channel.flush();
    expect(here.channel.stats().bytesOut).toBe(0);
  });

  test('after this side has finished it gets its memory back', async () => {
    const { here, there } = await stage.pair(role);
    await here.send(5000, 6000);
    await there.hold(1);
    await here.finish();
    await there.peer.end();
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    await here.close();
    expect(here.channel.stats()).toMatchObject({ bytesOut: 0 });
  });
}
