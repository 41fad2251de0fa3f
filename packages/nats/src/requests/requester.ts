import {
  BaseChannel,
  type Channel,
  ChannelSender,
  LoopBudget,
  WaitList,
  withDeadline,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Engine } from '../engine/engine.js';
import type { NatsRequestOptions, RequestSettings, TransportSettings } from '../options.js';
import { MemoryPool } from '../sending/memory-pool.js';
import { Arrivals } from './arrivals.js';
import { ExchangeReceiver } from './exchange-receiver.js';
import { Questions } from './questions.js';

/**
 * Asks questions at an endpoint, each of which one of the responders there answers. What it has in common with a channel of
 * the contract has the same rules. Disposable with `await using`.
 *
 * - `request(question)` resolves to the answer, which is to be released. The question's memory is back in the pool then.
 * - `PEER_DIED` says that nobody answers here, or that whoever has taken the question is gone. It may have been done.
 * - While all responders are busy, questions wait here: up to 1024, beyond which `request` waits, and `tryRequest` is `undefined`.
 */
export interface NatsRequester
  extends Pick<
      Channel,
      | 'closed'
      | 'loan'
      | 'tryLoan'
      | 'request'
      | 'tryRequest'
      | 'close'
      | 'destroy'
      | 'ref'
      | 'unref'
      | 'stats'
    >,
    AsyncDisposable {}

/** Makes a requester. @throws as `Transport.createSender`, but for what concerns streams. */
export async function createRequester(
  { engine: options, patience }: TransportSettings,
  settings: RequestSettings,
  limits: NatsRequestOptions,
): Promise<NatsRequester> {
  const { endpoint, subject, poolBytes, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
  const engine = await withDeadline(
    { signal: limits.signal, timeout: limits.timeout },
    (signal) =>
      Engine.open(options, `pageferry requester ${subject}`, { signal, needsStreams: false }),
    () => 'no NATS server has let this process in',
  );
  const sending = new WaitList();
  const receiving = new WaitList();
  const arrivals = new Arrivals(maxBorrowedBytes, () => receiving.wake());
  const pool = new MemoryPool(poolBytes);
  const questions = new Questions({
    engine,
    endpoint,
    subject,
    patience,
    keptBytes: maxBorrowedBytes,
    pool,
    arrivals,
    onRoom: () => sending.wake(),
    onFailure: () => {
      sending.wake();
      receiving.wake();
    },
  });
  const sender = new ChannelSender({
    endpoint,
    capabilities,
    poolBytes,
    maxReceivers: 1,
    budget: new LoopBudget(spinMicroseconds),
    waits: sending,
    outbox: questions,
    method: { method: 'publish' },
    histograms,
    end: () => questions.stop(),
  });
  const receiver = new ExchangeReceiver({
    endpoint,
    peer: `the responder at ${endpoint}`,
    arrivals,
    waits: receiving,
    maxBorrowedBytes,
    spinMicroseconds,
    histograms,
    failure: () => engine.failure,
    hangUp: async () => {
      questions.stop();
      await engine.flush();
      await engine.close();
      pool.clear();
    },
  });
  return new BaseChannel({
    sender,
    receiver,
    peer: undefined,
    keepAlive: (on) => engine.keepAlive(on),
    onAbandon: (number) => questions.abandon(number),
  });
}
