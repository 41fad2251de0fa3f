import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

/** Cases by transport: its name, then `topic > … > title` of each case. */
type Outcomes = Map<string, { readonly passed: string[]; readonly failed: string[] }>;

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

const PATIENCE = 600_000;
const outcomes: Outcomes = new Map();

/** Runs the suite on every transport of `fixtures`, in a vitest of its own. */
async function runFixtures(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-self-test-'));
  const output = join(folder, 'report.json');
  const vitest = join(
    dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
    'vitest.mjs',
  );
  const root = fileURLToPath(new URL('./fixtures', import.meta.url));
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--root', root, '--reporter=json', `--outputFile=${output}`],
    { env: Object.fromEntries(environment), stdio: 'ignore' },
  );
  try {
    await once(child, 'exit');
    return JSON.parse(readFileSync(output, 'utf8')) as Report;
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

beforeAll(async () => {
  const report = await runFixtures();
  for (const { ancestorTitles, title, status } of report.testResults.flatMap(
    (file) => file.assertionResults,
  )) {
    const [suite = '', ...topics] = ancestorTitles;
    const name = suite.replace('transport ', '');
    const outcome = outcomes.get(name) ?? { passed: [], failed: [] };
    outcomes.set(name, outcome);
    if (status === 'passed') outcome.passed.push([...topics, title].join(' > '));
    if (status === 'failed') outcome.failed.push([...topics, title].join(' > '));
  }
}, PATIENCE);

test('a transport that is right passes every case that applies to it', () => {
  const memory = outcomes.get('memory');
  expect(memory?.failed).toEqual([]);
  expect(memory?.passed.length).toBeGreaterThan(700);
});

/** What has to fail with a broken transport, and what may: cases that depend on who runs first. */
interface Expectation {
  readonly broken: string;
  readonly caughtBy: readonly string[];
  readonly perhaps?: readonly string[];
}

const DRAINED =
  'orderly end > what was sent before close is drained, then there is nothing for ever';
const POLLED_END = 'orderly end > a loop that polls sees the end, and not before it (11.21)';
const FAN_OUT = 'several receivers > each of them gets every message, in order';
const PAIRS = 'leftovers > hundreds of pairs leave no descriptors, memory or socket files';
const HALF_WAY = [
  'a pipe that nobody can read is EPIPE, and the rest goes elsewhere',
  'after a failure half-way, receive delivers the rest with its offset',
].map((title) => `spliceTo that fails > ${title}`);
const DISK =
  'spliceTo that fails > a disk that fills up half-way is ENOSPC, and the rest goes elsewhere (needs root)';

/** A case that is run on either side of a channel. */
function onBothSides(topic: string, ...titles: readonly string[]): readonly string[] {
  return ['listens', 'connects'].flatMap((role) =>
    titles.map((title) => `${topic} > where this process ${role} > ${title}`),
  );
}

const MANY = 'many channels at one listener';
const END_OF_FINISH =
  'when the other side has ended > finish: this side sees the end after all messages, and still sends';

const EXPECTATIONS: readonly Expectation[] = [
  {
    broken: 'LosesTheLastMessage',
    caughtBy: [
      DRAINED,
      POLLED_END,
      'orderly end > await using closes a sender and a receiver',
      'spliceTo > at the orderly end it resolves to undefined',
    ],
    perhaps: [FAN_OUT],
  },
  { broken: 'SwapsTheLastMessages', caughtBy: [DRAINED, POLLED_END], perhaps: [FAN_OUT] },
  {
    broken: 'SkipsANumber',
    caughtBy: [
      'order > 20 000 small messages arrive at the peer in order',
      'order > 20 000 small messages from the peer arrive in order',
    ],
  },
  {
    broken: 'ForgetsThePoolLimit',
    caughtBy: [
      'back-pressure > one message larger than the pool is possible, alone',
      'back-pressure > large messages that nobody receives stop at the size of the pool',
      'back-pressure > a loan that waits for the loans of its own program has that said (11.11)',
    ],
  },
  {
    broken: 'ForgetsTheQueueLimit',
    caughtBy: [
      'lifecycle of a sender > after close > a send that waits to be accepted is told of it',
      'lifecycle of a sender > after destroy > a send that waits to be accepted is told of it',
      'abort and time limit > an abort ends send of a loan that nobody takes',
      'abort and time limit > a signal that has fired already ends send of a loan that nobody takes',
      'abort and time limit > a time limit ends send of a loan that nobody takes',
      'abort and time limit > the earlier of signal and time limit ends send of a loan that nobody takes',
      'abort and time limit > given up, it is said why and from where: send of a loan that nobody takes (11.17)',
      'after an abort > a loan that was not accepted stays with the caller, and can be sent again',
      'back-pressure > what trySend refuses as full stays with the caller, and can be sent later',
    ],
  },
  { broken: 'LeaksADescriptor', caughtBy: [PAIRS] },
  { broken: 'LeaksWhenDestroyed', caughtBy: [PAIRS] },
  {
    broken: 'ForgetsTheLastWakeUp',
    caughtBy: [
      'back-pressure > flush waits for what is not received yet',
      'several receivers > memory comes back when the last of them is done with it',
    ],
    perhaps: [FAN_OUT],
  },
  {
    broken: 'RoundsLengths',
    caughtBy: ['arguments > a sender refuses unusable lengths, bytes and counts, and works on'],
  },
  {
    broken: 'LendsAfterClose',
    caughtBy: ['close', 'destroy'].flatMap((end) =>
      ['loan', 'tryLoan', 'send'].map(
        (name) => `lifecycle of a sender > after ${end} > ${name} of the sender fails with CLOSED`,
      ),
    ),
  },
  {
    broken: 'GivesBackTooEarly',
    // How far the sender gets ahead before anybody looks is the scheduler's to say.
    perhaps: [
      'back-pressure > a receiver that keeps everything stops the sender, and nothing is lost',
    ],
    caughtBy: [
      'ownership > deliveries that are held do not change while the sender goes on',
      'ownership > deliveries that the peer holds do not change while this sender goes on',
    ],
  },
  {
    broken: 'SpoilsAByte',
    caughtBy: [
      'sizes > a message of 20971521 bytes arrives at the peer byte for byte',
      'sizes > a message of 20971521 bytes from the peer arrives byte for byte',
      'sizes > messages of all sizes, mixed, arrive in order',
      'sizes > a large message goes through send in one call',
      'orderly end > close lets a large message leave first',
    ],
  },
  {
    broken: 'LosesWhatWasAborted',
    caughtBy: [
      'abort and time limit > given up, it is said why and from where: receive (11.17)',
      'abort and time limit > given up, it is said why and from where: receive behind another receive (11.17)',
      'arguments > a receiver refuses unusable arguments, and no message is lost',
      'after an abort > the next receive gets the message that the aborted one would have got',
      'after an abort > calls behind the aborted one get their messages',
      'after an abort > messages that arrive while receives are aborted all come, in order',
    ],
  },
  {
    broken: 'ForgetsToLookAgain',
    caughtBy: [
      'back-pressure > receive waits above maxBorrowedBytes until a delivery is released',
      'back-pressure > one delivery larger than maxBorrowedBytes is possible, alone',
      'back-pressure > a receive that waits for its own releases has that said (11.11)',
    ],
  },
  {
    broken: 'SwallowsErrors',
    caughtBy: [
      'spliceTo that fails > a closed descriptor is EBADF, and the message stays',
      'spliceTo that fails > a descriptor for reading is EBADF, and the message stays',
      'spliceTo that fails > a full device is ENOSPC, and the whole message goes elsewhere',
      ...HALF_WAY,
    ],
    perhaps: [DISK],
  },
  {
    broken: 'ForgetsTheOffset',
    caughtBy: [
      ...HALF_WAY,
      'spliceTo that fails > an abort half-way leaves the rest, and nothing is lost or doubled',
      'spliceTo that fails > a time limit half-way leaves the rest, and nothing is lost or doubled',
      'spliceTo that fails > a message may go to its destination in many interrupted steps',
    ],
    perhaps: [DISK],
  },
  {
    broken: 'MistakesDeathForTheEnd',
    caughtBy: [
      'orderly end > destroy is no orderly end: receivers see PEER_DIED',
      'orderly end > a sender that dies has not ended',
    ],
  },
  {
    broken: 'HoldsTheEventLoop',
    caughtBy: [
      'event loop > a tight loop of sends lets timers and immediates run',
      'event loop > a tight loop of receives lets timers and immediates run',
    ],
  },
  {
    broken: 'CrossesTwoAnswers',
    caughtBy: onBothSides(
      'requests',
      'that are under way at once may be answered in reverse order',
      'that have come before anybody receives, and are held, are answered',
      'of both sides cross each other',
      'of both sides with small pools cross each other',
      'do not disturb the order of messages before and after them',
      'that come while receive waits are answered, and receive waits on',
      'whose answers are held keep their bytes, and count as deliveries',
    ),
    perhaps: [
      ...onBothSides(
        'requests',
        'are answered past a stream of messages, which all come in order',
        'that are asked while a message is moved on are answered, and it is moved on whole',
      ),
      ...onBothSides(
        'lifecycle of a channel',
        'when the other side has ended > an answer that had come before the end is not lost',
      ),
    ],
  },
  {
    broken: 'ForgetsThatThereIsRoom',
    caughtBy: onBothSides(
      'requests',
      'that have come before anybody receives, and are held, are answered',
    ),
    // Whether a queue is full at all depends on who runs first.
    perhaps: onBothSides('requests', 'that are under way at once may be answered in reverse order'),
  },
  {
    broken: 'DropsAMessageOnHalfClose',
    caughtBy: [
      ...onBothSides('half-close', 'what fills the pool is drained before the end'),
      ...onBothSides(
        'lifecycle of a channel',
        END_OF_FINISH,
        'when the other side has ended > close: this side sees the end after all messages, and sends to nobody',
      ),
    ],
    perhaps: onBothSides(
      'half-close',
      'the other side gets everything first, and sends on',
      'a loop that polls sees the end, and not before it',
      'a loop over the messages ends, and its side sends on',
      'this side gets everything first, and sends on',
      'both sides may finish at once, in the middle of a flood',
      'questions that were asked before are still answered',
    ),
  },
  {
    broken: 'TakesHalfCloseForTheEnd',
    caughtBy: [
      ...onBothSides(
        'half-close',
        'the other side gets everything first, and sends on',
        'this side gets everything first, and sends on',
        'what fills the pool is drained before the end',
        'a loop over the messages ends, and its side sends on',
        'questions that were asked before are still answered',
        'questions of the other side are answered no more, and it is told',
      ),
      ...onBothSides(
        'lifecycle of a channel',
        'after finish > a question can be received, and not answered',
        'after finish > calls that wait to send are told of it, and those that receive go on',
        END_OF_FINISH,
      ),
    ],
    // Where all of one side's flood has arrived before the other side ends, nothing is lost.
    perhaps: onBothSides('half-close', 'both sides may finish at once, in the middle of a flood'),
  },
  {
    broken: 'DeadlocksWhenBothFlood',
    caughtBy: onBothSides(
      'messages both ways',
      'in floods hold nobody up: everything arrives',
      'of 1 bytes that fill both sides before anybody receives all arrive',
      'of 4096 bytes that fill both sides before anybody receives all arrive',
      'that are never received do not keep a side from receiving',
    ),
    perhaps: onBothSides(
      'messages both ways',
      'of all sizes, at once, arrive whole and in order',
      'that are held do not change while the other side goes on',
      'arrive without any polling, too',
    ),
  },
  {
    broken: 'DeliversAnAnswerAsAMessage',
    caughtBy: onBothSides(
      'requests',
      'of both sides cross each other',
      'that come while receive waits are answered, and receive waits on',
    ),
    perhaps: onBothSides(
      'requests',
      'that are under way at once may be answered in reverse order',
      'of both sides with small pools cross each other',
      'are answered past a stream of messages, which all come in order',
      'that are asked while a message is moved on are answered, and it is moved on whole',
    ),
  },
  {
    broken: 'LeaksALateAnswer',
    caughtBy: onBothSides(
      'calls of a channel that were given up',
      'leave a late answer to nobody > right answers are released as well, also while nobody receives',
      'leave a late answer to nobody > it is no message: receive waits on',
    ),
    perhaps: onBothSides(
      'calls of a channel that were given up',
      'lose nothing > questions that are aborted in between do not disturb those around them',
    ),
  },
  {
    broken: 'StarvesAChannel',
    caughtBy: [
      `${MANY} > what is here of many comes in turns, however much one has sent`,
      `${MANY} > a channel that always has something lets the others be answered`,
    ],
  },
  {
    broken: 'FailsWithAChannel',
    caughtBy: [`${MANY} > one that ends out of order leaves with the reason`],
  },
];

describe('a broken transport is caught by the cases that are about what it breaks', () => {
  test.each(EXPECTATIONS)('$broken', ({ broken, caughtBy, perhaps = [] }) => {
    const outcome = outcomes.get(broken);
    expect(outcome?.passed.length).toBeGreaterThan(130);
    const failed = outcome?.failed.filter((name) => !perhaps.includes(name)) ?? [];
    expect(failed.toSorted()).toEqual([...caughtBy].sort());
  });

  test('every broken transport is listed here', () => {
    const listed = EXPECTATIONS.map(({ broken }) => broken);
    expect([...outcomes.keys()].toSorted()).toEqual([...listed, 'memory'].sort());
  });
});
