import { isPageferryError } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  describeChannels,
  type Role,
} from '../harness/channel-stage.js';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillForGood, fillWithSmall } from '../harness/filling.js';
import { receiveOne } from '../harness/here.js';
import { expectAnswered } from '../harness/questions.js';
import { observe, turns } from '../harness/settling.js';
import { describeGivingUp, type WaitingCall } from '../harness/waiting-calls.js';
import { answerProblem, respondTo } from '../peers/answers.js';
import type { ChannelActions } from '../peers/channel-actions.js';
import type { Subject } from '../registration.js';

const KIB = 1024;

/** Calls of a listener, and the one that waits for one. */
const MEETING: readonly WaitingCall<ChannelStage>[] = [
  [
    'connect while nobody listens',
    async (stage) => {
      const endpoint = stage.endpoint();
      return (options) => stage.channel(endpoint, { ...options });
    },
    /nobody listens at \S+/,
  ],
  [
    'accept',
    async (stage) => {
      const listener = await stage.listener();
      return (options) => listener.accept(options);
    },
    /nobody has connected to \S+/,
  ],
  [
    'receive of a listener without channels',
    async (stage) => {
      const listener = await stage.listener();
      return (options) => listener.receive(options);
    },
    /no message has come/,
  ],
  [
    'receive of a listener with channels',
    async (stage) => {
      const listener = await stage.listener();
      await stage.remoteChannel(listener.endpoint);
      return (options) => listener.receive(options);
    },
    /no message has come/,
  ],
];

/** Calls of a channel. */
function waitsOf(role: Role): readonly WaitingCall<ChannelStage>[] {
  const small = { here: { poolBytes: 64 * KIB } };
  return [
    [
      'loan while the pool is lent out',
      async (stage) => {
        const { channel } = (await stage.pair(role, small)).here;
        await channel.loan(64 * KIB);
        return (options) => channel.loan(64 * KIB, options);
      },
      /no room for 64 KiB/,
    ],
    [
      'send of bytes while the pool is lent out',
      async (stage) => {
        const { channel } = (await stage.pair(role, small)).here;
        await channel.loan(64 * KIB);
        return (options) => channel.send(new Uint8Array(64 * KIB), options);
      },
      /no room for 64 KiB/,
    ],
    [
      'send of a loan that nobody takes',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        const loan = await channel.loan(1);
        fillWithSmall(channel).refused.release();
        return (options) => loan.send(options);
      },
      /not accepted: it waits for /,
    ],
    [
      'flush while a message is not received',
      async (stage) => {
        const { here } = await stage.pair(role);
        await here.send(10);
        return (options) => here.channel.flush(options);
      },
      /not everything has come back/,
    ],
    [
      'receive',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        return (options) => channel.receive(options);
      },
      /no message from /,
    ],
    [
      'receive behind another receive',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        channel.receive().catch(() => {});
        return (options) => channel.receive(options);
      },
      /no message from /,
    ],
    [
      'receiveMany',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        return (options) => channel.receiveMany(3, options);
      },
      /no message from /,
    ],
    [
      'spliceTo',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        const fd = openNullDevice(stage);
        return (options) => channel.spliceTo(fd, options);
      },
      /no message from /,
    ],
    [
      'request while the pool is lent out',
      async (stage) => {
        const { channel } = (await stage.pair(role, small)).here;
        await channel.loan(64 * KIB);
        return (options) => channel.request(new Uint8Array(64 * KIB), options);
      },
      /the request was not accepted/,
    ],
    [
      'request that nobody takes',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        const loan = await channel.loan(1);
        fillWithSmall(channel).refused.release();
        return (options) => channel.request(loan, options);
      },
      /the request was not accepted/,
    ],
    [
      'request that nobody answers',
      async (stage) => {
        const { channel } = (await stage.pair(role)).here;
        return (options) => channel.request(new Uint8Array(1), options);
      },
      // Aborted in the same turn, it may have had to wait for the event loop's next one.
      /no answer has come|the request was not accepted/,
    ],
    [
      'an answer that nobody takes',
      async (stage) => {
        // Whoever asks takes in no more than one message that comes before the answer.
        const { here, there } = await stage.bothHere(role, { there: { maxBorrowedBytes: 1 } });
        there.channel.request(new Uint8Array(1)).catch(() => {});
        const question = await receiveOne(here.channel);
        const loan = await here.channel.loan(1);
        await fillForGood(here.channel);
        return (options) => question.respond(loan, options);
      },
      /not accepted: it waits for /,
    ],
    [
      'an answer while the pool is lent out',
      async (stage) => {
        const { here, there } = await stage.bothHere(role, small);
        there.channel.request(new Uint8Array(1)).catch(() => {});
        const question = await receiveOne(here.channel);
        await here.channel.loan(64 * KIB);
        return (options) => question.reject(new Error('no'), options);
      },
      /no room for /,
    ],
  ];
}

/** Every call of a channel that waits can be ended, and what is given up is not half done. */
export function describeChannelAborts(subject: Subject): void {
  const file = /cases\/channel-aborts\./;
  describeChannels('abort and time limit where channels begin', subject, (stage) => {
    describeGivingUp(stage, MEETING, file);
    describeMeetingAgain(stage);
  });

  describeChannels('abort and time limit of a channel', subject, (stage) => {
    // The way to wait is the same on either side.
    describeGivingUp(stage, waitsOf('connects'), file);
  });
  describeBothRoles('calls of a channel that were given up', subject, (stage, role) => {
    describe('lose nothing', () => describeLosses(stage, role));
    describe('leave a late answer to nobody', () => describeLateAnswers(stage, role));
  });
}

function describeMeetingAgain(stage: ChannelStage): void {
  test('a connect that was given up leaves the listener free', async () => {
    const endpoint = stage.endpoint();
    await expectFailure(() => stage.channel(endpoint, { timeout: 20 }), 'TIMEOUT');
    const listener = await stage.remoteListener(endpoint, { maxChannels: 1 });
    expect(await listener.count()).toBe(0);
    await stage.channel(endpoint);
    await listener.accept();
    expect(await listener.count()).toBe(1);
  });

  test('an accept that was given up loses no channel, and a receive no message', async () => {
    const listener = await stage.listener();
    await expectFailure(() => listener.accept({ timeout: 5 }), 'TIMEOUT');
    await expectFailure(() => listener.receive({ timeout: 5 }), 'TIMEOUT');
    const there = await stage.remoteChannel(listener.endpoint);
    await there.send(1, 2, 3);
    const channel = await listener.accept();
    await expectFailure(() => listener.accept({ timeout: 5 }), 'TIMEOUT');
    for (const byteLength of [1, 2, 3]) {
      using delivery = await receiveOne(listener);
      expect(delivery).toMatchObject({ byteLength, channel });
    }
  });
}

function describeLosses(stage: ChannelStage, role: Role): void {
  test('the next receive gets the message that the aborted one would have got', async () => {
    const { here, there } = await stage.pair(role);
    const controller = new AbortController();
    const given = here.channel.receive({ signal: controller.signal });
    controller.abort();
    await expectFailure(() => given, 'ABORTED');
    await expectFailure(() => here.channel.receive({ timeout: 5 }), 'TIMEOUT');
    await there.send(100);
    expectReceived(await here.receive(1), { messages: 1 });
  });

  test('messages that arrive while receives are aborted all come, in order', async () => {
    const { here, there } = await stage.pair(role);
    const count = 200;
    const sent = there.sendMany(count, 9000);
    let next = 0;
    let aborts = 0;
    const stillOn = stage.watch();
    while (next < count) {
      stillOn();
      const controller = new AbortController();
      const call = here.channel.receive({ signal: controller.signal });
      call.catch(() => {});
      await turns((next + aborts) % 4);
      controller.abort();
      try {
        using delivery = await call;
        expect(delivery?.tag).toBe(next++);
      } catch (error) {
        if (!isPageferryError(error, 'ABORTED')) throw error;
        aborts++;
      }
    }
    expect((await sent).outcomes.sent).toBe(count);
  });

  test('questions that are aborted in between do not disturb those around them', async () => {
    const { here, there } = await stage.pair(role);
    const serving = there.serve();
    let asked = 0;
    const asking = Array.from({ length: 100 }, async (_, index) => {
      const controller = new AbortController();
      using loan = await here.filledLoan(400);
      const { tag } = loan;
      const answering = here.channel.request(loan, { signal: controller.signal });
      if (index % 3 === 0) controller.abort();
      try {
        using answer = await answering;
        return answerProblem(answer, tag, 400);
      } catch (error) {
        if (!isPageferryError(error, 'ABORTED')) throw error;
        return undefined;
      } finally {
        if (!loan.owned) asked++;
      }
    });
    expect(await Promise.all(asking)).toEqual(Array(100).fill(undefined));
    await stage.until(() => here.channel.stats().requestsOpen === 0);
    await here.flush();
    expect(await here.stats()).toMatchObject({ deliveriesHeld: 0, loansHeld: 0, bytesOut: 0 });
    await here.finish();
    // Those that were not accepted leave gaps.
    const { problems, ...report } = await serving;
    expect(report).toMatchObject({ messages: asked, questions: asked, ended: true });
    expect(problems.filter((problem) => !problem.includes('came after'))).toEqual([]);
    await there.flush();
    expect(await there.stats()).toMatchObject({ deliveriesHeld: 0, loansHeld: 0, bytesOut: 0 });
  });

  test('an aborted loan, send or request takes no memory', async () => {
    const { here, there } = await stage.pair(role, { here: { poolBytes: 64 * KIB } });
    const { channel } = here;
    const held = await channel.loan(64 * KIB);
    const before = channel.stats();
    const { signal, abort } = controllerOf();
    const waiting = [
      channel.loan(64 * KIB, { signal }),
      channel.send(new Uint8Array(64 * KIB), { signal }),
      channel.request(new Uint8Array(64 * KIB), { signal }),
      channel.loan(1, { signal }),
    ];
    abort();
    await Promise.all(waiting.map((call) => expectFailure(() => call, 'ABORTED')));
    expect(channel.stats()).toEqual(before);
    held.release();
    await here.send(64 * KIB);
    expectReceived(await there.receive(1), { messages: 1 });
  });
}

function describeLateAnswers(stage: ChannelStage, role: Role): void {
  test('it is released when it comes, and so is its memory on the other side', async () => {
    const { here, there } = await stage.pair(role);
    const { signal, abort } = controllerOf();
    const asking = [100, 50_000, 1_000_000].map(async (length) =>
      here.channel.request(await here.filledLoan(length), { signal }),
    );
    const failures = asking.map((call) => expectFailure(() => call, 'ABORTED'));
    const kept = there.answer(3, 'keep');
    await kept;
    abort();
    await Promise.all(failures);
    const answered = expectNothingHeld(stage, here, there);
    await there.release();
    await answered;
    // Whoever asks next is not given what was for somebody else.
    const serving = there.serve(1);
    expectAnswered(await here.ask(1, 100), 1);
    await serving;
  });

  test('right answers are released as well, also while nobody receives', async () => {
    const { here, there } = await stage.bothHere(role);
    const { signal, abort } = controllerOf();
    const failures = [1, 2, 3].map((length) =>
      expectFailure(() => here.channel.request(new Uint8Array(length), { signal }), 'ABORTED'),
    );
    const questions = [
      await receiveOne(there.channel),
      await receiveOne(there.channel),
      await receiveOne(there.channel),
    ];
    abort();
    await Promise.all(failures);
    for (const question of questions) {
      await respondTo(question, there.channel);
      question.release();
    }
    await expectNothingHeld(stage, here, there);
    await here.flush();
    expect(here.channel.stats().bytesOut).toBe(0);
  });

  test('it is no message: receive waits on', async () => {
    const { here, there } = await stage.pair(role);
    await expectFailure(() => here.channel.request(new Uint8Array(5), { timeout: 5 }), 'TIMEOUT');
    const receiving = observe(here.channel.receive());
    await there.answer(1, 'respond');
    await there.flush();
    await turns();
    expect(receiving.state()).toBe('pending');
    await there.send(7);
    using delivery = await receiving.promise;
    expect(delivery).toMatchObject({ byteLength: 7, isRequest: false });
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 1 });
  });

  test('messages that came before it are still there', async () => {
    const { here, there } = await stage.pair(role);
    const { signal, abort } = controllerOf();
    const asking = here.channel.request(new Uint8Array(5), { signal });
    const failure = expectFailure(() => asking, 'ABORTED');
    await there.answer(1, 'keep');
    await there.sendMany(20, 3000);
    abort();
    await failure;
    await there.release();
    await there.sendMany(20, 3000);
    expectReceived(await here.receive(40), { messages: 40 });
    await stage.until(() => here.channel.stats().requestsOpen === 0);
  });

  test('if it never comes, closing is as ever', async () => {
    const { here, there } = await stage.pair(role);
    await expectFailure(() => here.channel.request(new Uint8Array(5), { timeout: 5 }), 'TIMEOUT');
    await here.close();
    expect(await there.stats()).toMatchObject({ messagesReceived: 0 });
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, bytesOut: 0 });
  });

  test('if the other side ends first, nothing is waited for any more', async () => {
    const { here, there } = await stage.pair(role);
    await expectFailure(() => here.channel.request(new Uint8Array(5), { timeout: 5 }), 'TIMEOUT');
    await there.destroy();
    await stage.until(() => here.channel.stats().requestsOpen === 0);
  });
}

/** Waits until no answer is out, and nothing of any is held. */
async function expectNothingHeld(
  stage: ChannelStage,
  here: ChannelActions,
  there: ChannelActions,
): Promise<void> {
  await stage.until(async () => {
    const { requestsOpen, deliveriesHeld, bytesHeld } = await here.stats();
    return requestsOpen + deliveriesHeld + bytesHeld === 0;
  });
  await stage.until(async () => (await there.stats()).bytesOut === 0);
}

/** A signal, and what fires it. */
function controllerOf(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
