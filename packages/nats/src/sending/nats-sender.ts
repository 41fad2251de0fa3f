import {
  BaseSender,
  type Bytes,
  ConnectionFailures,
  checkBytes,
  checkOptionalInteger,
  checkOptions,
  clock,
  type InPlaceSender,
  invalidArgument,
  LoopBudget,
  PageferryError,
  Presence,
  type SenderStats,
  type SendInPlaceOptions,
  type SendOutcome,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Engine } from '../engine/engine.js';
import { isNotFound } from '../engine/errors.js';
import {
  isTakenOver,
  leaveStream,
  makeStream,
  type OwnStream,
  presenceOf,
  removeStream,
  showPresence,
} from '../engine/stream.js';
import type { SenderSettings, TransportSettings } from '../options.js';
import { Outbox } from './outbox.js';
import type { NatsMemory } from './outgoing.js';
import { Progress } from './progress.js';

const LOST = 'the NATS servers have lost all that was in the stream';
const UNKNOWN = 'it cannot be told how much of its source is in the stream';
const TOO_LONG = 'the NATS servers take no message any more that is as long as those';
/** How long an end waits for servers that cannot be reached, in milliseconds. */
const FAREWELL = 2000;
/** How long to wait before a stream that seems lost is looked for or made anew once more, in milliseconds. */
const PAUSE = 500;

const IN_PLACE_OPTIONS = ['signal', 'timeout', 'tag', 'sequence', 'waitForReceivers'] as const;
/** The memory of a message without bytes: that memory was taken over is told by its length. */
const NO_BYTES = Buffer.alloc(1);

/** Counters of a sender over NATS. A snapshot. */
export interface NatsSenderStats extends SenderStats {
  /** Messages of `sendInPlace` that the sender before, which was followed (`takeOver`), had sent already. */
  readonly messagesFound: number;
}

/** The sending side of the transport over NATS. */
export class NatsSender extends BaseSender<NatsMemory> implements InPlaceSender {
  readonly #engine: Engine;
  readonly #settings: SenderSettings;
  readonly #patience: number;
  readonly #failures: ConnectionFailures;
  readonly #outbox: Outbox;
  #own: OwnStream;
  #isRemaking = false;
  /** True once another sender has taken the stream over. */
  #isFollowed = false;
  #progress: Progress | undefined;
  #leaving: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    own: OwnStream,
    settings: SenderSettings,
    { patience }: TransportSettings,
  ) {
    const waits = new WaitList();
    const presence = new Presence();
    const failures = new ConnectionFailures();
    let onLost = (): void => undefined;
    let onUnknown = (): void => undefined;
    let onTooLong = (): void => undefined;
    const { subject, poolBytes, history } = settings;
    const { stream } = own;
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
      onUnknown: () => onUnknown(),
      onTooLong: () => onTooLong(),
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
    this.#own = own;
    this.#settings = settings;
    this.#patience = patience;
    this.#failures = failures;
    this.#outbox = outbox;
    onLost = () => void this.#remake(LOST);
    onUnknown = () => void this.#remake(UNKNOWN);
    onTooLong = () => void this.#remake(TOO_LONG);
    this.#follow();
    engine.onChange(() => {
      if (engine.connected) void this.#showPresence();
      else if (engine.failure !== undefined) this.#shutOut(engine.failure);
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
      const own = await makeStream(engine, settings, transport.patience);
      const sender = new NatsSender(engine, own, settings, transport);
      await engine.flush();
      // Whoever has come before this one listened.
      await sender.#outbox.look();
      return sender;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /**
   * Sends bytes out of memory of the caller's. Pieces of more than 16 KiB are written to the socket where they are, others are
   * gathered.
   */
  async sendInPlace(bytes: Bytes, options: SendInPlaceOptions = {}): Promise<SendOutcome> {
    const {
      sequence,
      waitForReceivers: waits = false,
      ...rest
    } = checkOptions(options, IN_PLACE_OPTIONS);
    if (!ArrayBuffer.isView(bytes)) throw invalidArgument('bytes', bytes, 'one view of memory');
    const [{ buffer, byteOffset, byteLength } = NO_BYTES] = checkBytes('bytes', bytes);
    checkOptionalInteger('sequence', sequence, 0, 0);
    const view = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    const memory: NatsMemory = {
      buffer: byteLength === 0 ? NO_BYTES : view,
      bytes: view,
      byteLength,
      inPlace: { sequence, waits },
    };
    return await this.sendMemory(memory, rest);
  }

  override stats(): NatsSenderStats {
    return { ...super.stats(), messagesFound: this.#outbox.messagesFound };
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
  #shutOut(failure: PageferryError): void {
    if (this.closed) return;
    this.#failures.add(failure);
    this.#outbox.restart(this.#own.stream);
  }

  async #leave(): Promise<void> {
    this.#outbox.stop();
    const { subject } = this.#settings;
    if (this.#engine.connected && !this.#isFollowed) {
      const leaving = leaveStream(this.#engine.api, this.#own.stream, subject);
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
      const { stream } = this.#own;
      await api.streams.info(stream);
      if ((await presenceOf(api, stream)) !== 'gone') {
        if (await isTakenOver(this.#engine, this.#own)) this.#leaveToFollower();
        return;
      }
      if (this.closed) return;
      const { subject } = this.#settings;
      const description = this.#progress?.description;
      const inbox = await showPresence(this.#engine, stream, subject, this.#patience, description);
      this.#own = { stream, inbox };
      this.#progress?.moveTo(inbox);
    } catch (error) {
      if (!isNotFound(error) || this.closed) return;
      if (isDoubted) return void this.#remake(LOST);
      // While a cluster elects that may be wrong.
      clock.setTimeout(() => void this.#showPresence(true), PAUSE).unref();
    }
  }

  /**
   * Makes another stream where the old one is gone, because a server without a disk was started anew, say, or cannot go on. Its
   * receivers are told that its sender has died.
   */
  async #remake(why: string): Promise<void> {
    if (this.#isRemaking) return;
    if (this.closed) {
      // Whatever the end waits for will not come. Without it receivers see that this sender is gone.
      this.#outbox.restart(this.#own.stream);
      return;
    }
    this.#isRemaking = true;
    this.#outbox.forgetReceivers();
    const words = `${why} of ${this.endpoint}`;
    this.#failures.add(new PageferryError('SYSTEM_CALL_FAILED', words, { syscall: 'nats' }));
    while (!this.closed && !this.#engine.closed) {
      try {
        // There may be something of it, which its receivers would wait for.
        await removeStream(this.#engine.api, this.#own.stream);
        this.#own = await makeStream(this.#engine, this.#settings, this.#patience);
        this.#outbox.restart(this.#own.stream);
        this.#follow();
        break;
      } catch {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, PAUSE).unref());
      }
    }
    this.#isRemaking = false;
  }

  /** Has the servers told how far the stream has got, and goes on where it is. */
  #follow(): void {
    const { takeOver: source } = this.#settings;
    if (source === undefined) return;
    const { stream, inbox, from } = this.#own;
    this.#progress = new Progress({
      engine: this.#engine,
      stream,
      source,
      pieceBytes: from?.pieceBytes ?? this.#outbox.pieceBytes,
      inbox,
      from,
      onChange: () => this.#outbox.wake(),
    });
    this.#outbox.follow(this.#progress, from);
  }

  /** Somebody has taken this sender for dead, and goes on in its place. */
  #leaveToFollower(): void {
    if (this.closed) return;
    this.#isFollowed = true;
    const words = `${this.endpoint} was out of reach, and another sender has taken its place`;
    this.#failures.add(new PageferryError('ENDPOINT_IN_USE', words));
    void this.destroy();
  }
}
