import { BaseChannel, type Channel, ChannelSender } from '@pageferry/core';
import type { NatsRequestOptions, RequestSettings, TransportSettings } from '../options.js';
import { openExchange } from './exchange-parts.js';
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
  transport: TransportSettings,
  settings: RequestSettings,
  limits: NatsRequestOptions,
): Promise<NatsRequester> {
  const { endpoint } = settings;
  const parts = await openExchange('requester', transport, settings, limits);
  const { engine } = parts;
  const questions = new Questions({ ...parts.outbox, endpoint });
  const sender = new ChannelSender({
    ...parts.sender,
    outbox: questions,
    end: () => questions.stop(),
  });
  const receiver = new ExchangeReceiver({
    ...parts.receiver,
    peer: `the responder at ${endpoint}`,
    failure: () => engine.failure,
    hangUp: async () => {
      questions.stop();
      await parts.hangUp();
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
