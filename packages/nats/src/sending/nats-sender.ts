import {
  BaseSender,
  ConnectionFailures,
  clock,
  LoopBudget,
  PageferryError,
  Presence,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Engine } from '../engine/engine.js';
import { isNotFound } from '../engine/errors.js';
import { leaveStream, makeStream, presenceOf, showPresence } from '../engine/stream.js';
import type { SenderSettings, TransportSettings } from '../options.js';
import { Outbox } from './outbox.js';
import type { NatsMemory } from './outgoing.js';

/** How long an end waits for servers that cannot be reached, in milliseconds. */
const FAREWELL = 2000;
/** How long to wait before a stream that seems lost is looked for or made anew once more, in milliseconds. */
const PAUSE = 500;

/** The sending side of the transport over NATS. */
export class NatsSender extends BaseSender<NatsMemory> {
  readonly #engine: Engine;
  readonly #settings: SenderSettings;
  readonly #patience: number;
  readonly #failures: ConnectionFailures;
  readonly #outbox: Outbox;
  #stream: string;
  #isRemaking = false;
  #leaving: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    stream: string,
    settings: SenderSettings,
    { patience }: TransportSettings,
  ) {
    const waits = new WaitList();
    const presence = new Presence();
    const failures = new ConnectionFailures();
    let onLost = (): void => undefined;
    const { subject, poolBytes, history } = settings;
    const outbox = new Outbox({
      engine,
      stream,
      subject,
      poolBytes,
      patience,
      history,
      waits,
      presence,
      failures,
      onLost: () => onLost(),
    });
    super({
      ...settings,
      capabilities,
      budget: new LoopBudget(settings.spinMicroseconds),
      waits,
      presence,
      failures,
      outbox,
      checkMayCome: () => {
        if (engine.failure !== undefined) throw engine.failure;
      },
      method: { method: 'publish' },
      keepAlive: (on) => engine.keepAlive(on),
    });
    presence.reportAs(settings.endpoint);
    this.#engine = engine;
    this.#stream = stream;
    this.#settings = settings;
    this.#patience = patience;
    this.#failures = failures;
    this.#outbox = outbox;
    onLost = () => void this.#remake();
    engine.onChange(() => {
      if (engine.connected) void this.#showPresence();
      else if (engine.failure !== undefined) this.#giveUp(engine.failure);
    });
  }

  /**
   * Makes the stream of the endpoint.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(transport: TransportSettings, settings: SenderSettings): Promise<NatsSender> {
    const engine = await Engine.open(transport.engine, `pageferry sender ${settings.subject}`);
    try {
      const stream = await makeStream(engine, settings, transport.patience);
      const sender = new NatsSender(engine, stream, settings, transport);
      await engine.flush();
      // Whoever has come before this one listened.
      await sender.#outbox.look();
      return sender;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  // The end leaves like a message, so that closing waits for it under the same time limit.
  protected override announceEnd(): void {
    this.#outbox.finish();
  }

  protected override async end(): Promise<void> {
    this.#leaving ??= this.#leave();
    await this.#leaving;
  }

  /** The servers do not let this process in any more: nothing that is under way will arrive, and nobody can come. */
  #giveUp(failure: PageferryError): void {
    if (this.closed) return;
    this.#failures.add(failure);
    this.#outbox.restart(this.#stream);
  }

  async #leave(): Promise<void> {
    this.#outbox.stop();
    const { subject } = this.#settings;
    if (this.#engine.connected) {
      const leaving = leaveStream(this.#engine.api, this.#stream, subject);
      let timer: NodeJS.Timeout | undefined;
      const farewell = new Promise((resolve) => {
        timer = clock.setTimeout(resolve, FAREWELL);
      });
      // What is left behind is removed by whoever comes next.
      await Promise.race([leaving.catch(() => undefined), farewell]);
      clock.clearTimeout(timer);
    }
    await this.#engine.close();
  }

  /** While this sender could not be reached it may have been taken for dead, and its stream may be gone. */
  async #showPresence(isDoubted = false): Promise<void> {
    const { api } = this.#engine;
    try {
      await api.streams.info(this.#stream);
      if ((await presenceOf(api, this.#stream)) !== 'gone' || this.closed) return;
      await showPresence(this.#engine, this.#stream, this.#settings.subject, this.#patience);
    } catch (error) {
      if (!isNotFound(error) || this.closed) return;
      if (isDoubted) return void this.#remake();
      // While a cluster elects that may be wrong.
      clock.setTimeout(() => void this.#showPresence(true), PAUSE).unref();
    }
  }

  /** Makes another stream where the old one is gone: a server without a disk was started anew, or somebody removed it. */
  async #remake(): Promise<void> {
    if (this.#isRemaking || this.closed) return;
    this.#isRemaking = true;
    this.#outbox.forgetReceivers();
    const words = `the NATS servers have lost the stream of ${this.endpoint}, and all that was in it`;
    this.#failures.add(new PageferryError('SYSTEM_CALL_FAILED', words, { syscall: 'nats' }));
    while (!this.closed && !this.#engine.closed) {
      try {
        this.#stream = await makeStream(this.#engine, this.#settings, this.#patience);
        this.#outbox.restart(this.#stream);
        break;
      } catch {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, PAUSE).unref());
      }
    }
    this.#isRemaking = false;
  }
}
