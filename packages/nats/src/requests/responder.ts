import {
  BaseChannel,
  type Channel,
  type ChannelDelivery,
  ChannelSender,
  type ChannelSenderSettings,
} from '@pageferry/core';
import type { NatsResponderOptions, RequestSettings, TransportSettings } from '../options.js';
import type { NatsMemory } from '../sending/outgoing.js';
import { Answers } from './answers.js';
import { openExchange } from './exchange-parts.js';
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
  transport: TransportSettings,
  settings: RequestSettings,
  limits: NatsResponderOptions,
): Promise<NatsResponder> {
  const { endpoint, maxUnderWay } = settings;
  const parts = await openExchange('responder', transport, settings, limits);
  const { engine } = parts;
  const answers = new Answers({ ...parts.outbox, maxUnderWay });
  let isInOrder = false;
  const sender = new AnswerSender(
    {
      ...parts.sender,
      outbox: answers,
      end: (inOrder) => {
        isInOrder = inOrder;
      },
    },
    answers,
  );
  const receiver = new ExchangeReceiver({
    ...parts.receiver,
    peer: `whoever asks at ${endpoint}`,
    failure: () => answers.failure,
    onDone: (message) => answers.noteReleased(message),
    hangUp: async () => {
      answers.stop(isInOrder);
      await parts.hangUp();
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
