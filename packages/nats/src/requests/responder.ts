import {
  BaseChannel,
  type Channel,
  type ChannelDelivery,
  ChannelSender,
  type ChannelSenderSettings,
  LoopBudget,
  WaitList,
  withDeadline,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Engine } from '../engine/engine.js';
import type { NatsResponderOptions, RequestSettings, TransportSettings } from '../options.js';
import { MemoryPool } from '../sending/memory-pool.js';
import type { NatsMemory } from '../sending/outgoing.js';
import { Answers } from './answers.js';
import { Arrivals } from './arrivals.js';
import { ExchangeReceiver } from './exchange-receiver.js';

/**
 * Answers questions at an endpoint. All responders of an endpoint share its questions out: each goes to one of them. What it
 * has in common with a channel of the contract has the same rules: `question.respond(answer)`, `reject`, `tryRespond`.
 * Disposable with `await using`.
 *
 * - `'no-receiver'` says that nobody waits for this answer any more.
 * - After `close()` questions without an answer fail with `REQUEST_UNANSWERED`; after `destroy()`, or a death, with `PEER_DIED`.
 *
 * @example
 * for await (using question of responder) await question.respond(answerTo(question.bytes));
 */
export interface NatsResponder
  extends Pick<
      Channel,
      | 'closed'
      | 'loan'
      | 'tryLoan'
      | 'receive'
      | 'tryReceive'
      | 'peek'
      | 'receiveMany'
      | 'releaseMany'
      | 'spliceTo'
      | 'close'
      | 'destroy'
      | 'ref'
      | 'unref'
      | 'stats'
    >,
    AsyncDisposable,
    AsyncIterable<ChannelDelivery> {}

/** The half that answers: its orderly end begins by taking no more questions. */
class AnswerSender extends ChannelSender<NatsMemory> {
  readonly #answers: Answers;

  constructor(settings: ChannelSenderSettings<NatsMemory>, answers: Answers) {
    super(settings);
    this.#answers = answers;
  }

  protected override announceEnd(): void {
    this.#answers.finish();
  }
}

/** Makes a responder. @throws as `Transport.createSender`, but for what concerns streams. */
export async function createResponder(
  { engine: options, patience }: TransportSettings,
  settings: RequestSettings,
  limits: NatsResponderOptions,
): Promise<NatsResponder> {
  const { endpoint, subject, poolBytes, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
  const engine = await withDeadline(
    { signal: limits.signal, timeout: limits.timeout },
    (signal) =>
      Engine.open(options, `pageferry responder ${subject}`, { signal, needsStreams: false }),
    () => 'no NATS server has let this process in',
  );
  const sending = new WaitList();
  const receiving = new WaitList();
  const arrivals = new Arrivals(maxBorrowedBytes, () => receiving.wake());
  const pool = new MemoryPool(poolBytes);
  const answers = new Answers({
    engine,
    subject,
    patience,
    maxUnderWay: settings.maxUnderWay,
    keptBytes: maxBorrowedBytes,
    pool,
    arrivals,
    onRoom: () => sending.wake(),
    onFailure: () => {
      sending.wake();
      receiving.wake();
    },
  });
  let isInOrder = false;
  const sender = new AnswerSender(
    {
      endpoint,
      capabilities,
      poolBytes,
      maxReceivers: 1,
      budget: new LoopBudget(spinMicroseconds),
      waits: sending,
      outbox: answers,
      method: { method: 'publish' },
      histograms,
      end: (inOrder) => {
        isInOrder = inOrder;
      },
    },
    answers,
  );
  const receiver = new ExchangeReceiver({
    endpoint,
    peer: `whoever asks at ${endpoint}`,
    arrivals,
    waits: receiving,
    maxBorrowedBytes,
    spinMicroseconds,
    histograms,
    failure: () => answers.failure,
    onDone: (message) => answers.noteReleased(message),
    hangUp: async () => {
      answers.stop(isInOrder);
      await engine.flush();
      await engine.close();
      pool.clear();
    },
  });
  // Whoever asks from now on is heard.
  await engine.flush();
  return new BaseChannel({
    sender,
    receiver,
    peer: undefined,
    keepAlive: (on) => engine.keepAlive(on),
  });
}
