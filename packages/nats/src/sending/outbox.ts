import {
  type AcceptOutcome,
  bytesDetached,
  type ConnectionFailures,
  type Outbox as Contract,
  clock,
  PageferryError,
  type Presence,
  type ReceiverInfo,
  type Waits,
} from '@pageferry/core';
import type { Engine } from '../engine/engine.js';
import type { TakenOver } from '../engine/take-over.js';
import { MAX_UNDER_WAY } from '../options.js';
import { Audience } from './audience.js';
import { MemoryPool } from './memory-pool.js';
import { goneFrom, type NatsMemory, type Outgoing } from './outgoing.js';
import type { Progress } from './progress.js';
import { Publisher } from './publisher.js';

/** How long something has not been needed before it is removed from the stream, in milliseconds. */
const TIDY_PAUSE = 500;

/** What an {@link Outbox} is made of. */
export interface OutboxParts {
  readonly engine: Engine;
  readonly stream: string;
  readonly subject: string;
  readonly poolBytes: number;
  /** For how many milliseconds the servers may not reach a receiver. */
  readonly patience: number;
  /** How many messages to keep for those who come later. */
  readonly history: number;
  readonly waits: Waits;
  readonly presence: Presence;
  readonly failures: ConnectionFailures;
  /** Called when the stream is gone. */
  readonly onLost: () => void;
  /** Called when nobody can say what of the stream's source is in the stream. */
  readonly onUnknown: () => void;
  /** Called when the servers take no piece as long as those of the stream any more. */
  readonly onTooLong: () => void;
}

/** A pool of buffers, and the stream that its messages go to. */
export class Outbox implements Contract<NatsMemory> {
  readonly #engine: Engine;
  readonly #history: number;
  readonly #waits: Waits;
  readonly #failures: ConnectionFailures;
  readonly #pool: MemoryPool;
  readonly #publisher: Publisher;
  readonly #audience: Audience;
  readonly #onUnknown: () => void;
  /** How far the stream has got in its source; `undefined` if nobody wants to know. */
  #progress: Progress | undefined;
  /** Messages that are not stored, or that somebody is not done with. */
  readonly #underWay = new Set<Outgoing>();
  /** The last ones, for those who come later. */
  #kept: Outgoing[] = [];
  #stream: string;
  #nextSequence = 0;
  /** Number in the stream of the first piece that was not removed from it. */
  #firstStored = 1;
  #tidying: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(parts: OutboxParts) {
    const { engine, stream, subject, poolBytes, patience, history } = parts;
    const { waits, presence, failures } = parts;
    this.#engine = engine;
    this.#history = history;
    this.#waits = waits;
    this.#failures = failures;
    this.#stream = stream;
    this.#onUnknown = parts.onUnknown;
    this.#pool = new MemoryPool(poolBytes);
    const onChange = (): void => {
      if (waits.parked > 0) waits.wake();
    };
    this.#publisher = new Publisher(engine, subject, stream, {
      onStored: (message) => {
        const { memory, sequence, last } = message;
        if (memory?.inPlace !== undefined) this.#progress?.noteStored({ sequence, number: last });
        this.#settle(message);
      },
      onChange,
      onCut: (message) => this.#cut(message),
      onFull: () => this.#makeRoom(),
      onForgotten: (first, end) => this.#recall(first, end),
      isAwaited: () => !this.#audience.subscribers.isIdle,
      onLost: parts.onLost,
      onTooLong: parts.onTooLong,
    });
    this.#audience = new Audience(engine, stream, patience, presence, {
      underWay: () => [...this.#kept, ...this.#underWay],
      onDone: (message) => this.#settle(message),
      onChange,
    });
  }

  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  /** @throws `SYSTEM_CALL_FAILED` when memory is short. */
  allocate(byteLength: number): NatsMemory | undefined {
    return this.#pool.allocate(byteLength);
  }

  free(memory: NatsMemory): void {
    if (memory.inPlace !== undefined) return;
    this.#pool.free(memory);
  }

  accept(memory: NatsMemory, byteLength: number, tag: number): AcceptOutcome {
    const { inPlace } = memory;
    const progress = inPlace === undefined ? undefined : this.#progress;
    const sequence = inPlace?.sequence ?? this.#nextSequence;
    const verdict = progress?.judge(sequence, this.#publisher.piecesOf(byteLength)) ?? 'next';
    if (verdict === 'stored') {
      memory.message = { hasLeft: true };
      return 'sent';
    }
    if (verdict === 'unknown') this.#onUnknown();
    if (verdict === 'unknown' || verdict === 'wait') return 'full';
    const isKept = this.#history > 0 && this.#engine.failure === undefined;
    if (this.#audience.subscribers.size === 0 && !isKept) {
      // What is there in part is for those who were there.
      return inPlace?.waits === true ? 'full' : 'no-receiver';
    }
    const { isFull, length } = this.#publisher;
    if (isFull || length >= MAX_UNDER_WAY || !this.#audience.hasRoom) return 'full';
    // Of a message without bytes nobody else can tell. The number must not be taken for it.
    if (memory.buffer.length === 0) throw bytesDetached('loan');
    this.#nextSequence = Math.max(sequence, this.#nextSequence);
    this.#add('part', byteLength, tag, memory, verdict === 'rest' ? progress?.goOn() : undefined);
    return 'sent';
  }

  /**
   * Has messages in place go on where the stream is in its source.
   *
   * @param from what is taken over; `undefined` in a stream that is new.
   */
  follow(progress: Progress, from: TakenOver | undefined): void {
    this.#progress?.stop();
    this.#progress = progress;
    if (from === undefined) return;
    this.#publisher.resume(from.stored, from.pieceBytes);
    this.#audience.inherit(from.stored);
  }

  /** How many bytes the pieces of the stream have. */
  get pieceBytes(): number {
    return this.#publisher.pieceBytes;
  }

  /** How many messages in place were in the stream already. */
  get messagesFound(): number {
    return this.#progress?.found ?? 0;
  }

  /** Something has changed that a message may wait for. */
  wake(): void {
    this.#waits.wake();
  }

  settle(): void {
    // What comes back is noted at once.
  }

  get hasLeft(): boolean {
    return this.#publisher.length === 0;
  }

  /** Each message for itself: several are on their way to the servers at a time. */
  wayOf({ message }: NatsMemory): { readonly hasLeft: boolean } | undefined {
    return message;
  }

  get isIdle(): boolean {
    return this.hasLeft && this.#audience.subscribers.isIdle;
  }

  list(): readonly ReceiverInfo[] {
    return this.#audience.subscribers.list();
  }

  count(): number {
    return this.#audience.subscribers.size;
  }

  /** Looks who is there. */
  async look(): Promise<void> {
    await this.#audience.look();
  }

  /** Tells every receiver, behind what was accepted, that this was all. */
  finish(): void {
    if (!this.#isOver && this.#engine.failure === undefined) this.#add('end', 0, 0, undefined);
  }

  /** Goes on with another stream: what was in the old one is gone, and so are its receivers. */
  restart(stream: string): void {
    this.#stream = stream;
    this.#firstStored = 1;
    this.#kept = [];
    const lost = [...this.#underWay];
    this.#audience.restart(stream);
    this.#publisher.restart(stream);
    for (const message of lost) {
      message.hasLeft = true;
      this.#settle(message);
    }
    this.#waits.wake();
  }

  /** The receivers of a stream that is gone are gone, too. */
  forgetReceivers(): void {
    this.#audience.clear();
  }

  /** Does nothing more. */
  stop(): void {
    this.#isOver = true;
    this.#progress?.stop();
    clock.clearTimeout(this.#tidying);
    this.#publisher.stop();
    this.#audience.stop();
    this.#pool.clear();
  }

  #add(
    kind: Outgoing['kind'],
    byteLength: number,
    tag: number,
    memory: NatsMemory | undefined,
    first = this.#publisher.nextNumber,
  ): void {
    const last = first + this.#publisher.piecesOf(byteLength) - 1;
    const sequence = kind === 'part' ? this.#nextSequence++ : this.#nextSequence;
    const message: Outgoing = {
      kind,
      sequence,
      byteLength,
      tag,
      first,
      last,
      memory,
      hasLeft: false,
      holders: 0,
    };
    if (memory !== undefined) memory.message = message;
    if (kind === 'part') {
      this.#underWay.add(message);
      this.#audience.give(message);
      this.#keep(message);
    }
    this.#publisher.add(message);
  }

  #keep(message: Outgoing): void {
    if (this.#history === 0) return;
    this.#kept.push(message);
    if (this.#kept.length <= this.#history) return;
    this.#kept.shift();
    this.#tidySoon();
  }

  /** Takes the memory of a message back once the servers have it, and all receivers that hold the sender up are done. */
  #settle(message: Outgoing): void {
    if (!message.hasLeft) return;
    // What is the caller's is theirs again once it was read for the last time.
    if (message.memory?.inPlace !== undefined) message.memory = undefined;
    if (message.holders > 0) return;
    this.#underWay.delete(message);
    const { memory } = message;
    if (memory === undefined) {
      // Consumers that are beyond it do not have it removed, and what is before it in a history may be a message in part.
      if (message.kind === 'gone') void this.#tidy();
      this.#publisher.retry();
      return;
    }
    message.memory = undefined;
    this.free(memory);
    if (this.#history > 0) this.#tidySoon();
    this.#publisher.retry();
  }

  #cut(message: Outgoing): void {
    const { memory } = message;
    if (memory === undefined) return;
    message.memory = undefined;
    if (memory.inPlace === undefined) this.#pool.forget(memory);
    const error = new PageferryError(
      'BYTES_DETACHED',
      'the program had another API take over a view that it kept of a loan, before all of that message ' +
        'had left. Pass a copy to such an API',
    );
    this.#failures.add(error);
  }

  /**
   * All that there is to publish anew of a range of pieces, up to the one before `end`: what receivers are not done with, and
   * what stands for the rest. The history begins anew behind it. `undefined` if a receiver needs what is not here any more.
   */
  #recall(first: number, end: number): readonly Outgoing[] | undefined {
    if (this.#audience.needsInherited(first)) return undefined;
    this.#kept = this.#kept.filter((message) => message.first >= end);
    this.#firstStored = 1;
    const recalled: Outgoing[] = [];
    let next = first;
    for (const message of this.#audience.owed) {
      if (message.last < first || message.first >= end) continue;
      if (message.memory === undefined) return undefined;
      if (message.first > next) recalled.push(goneFrom(next, message.first - 1));
      recalled.push(message);
      next = message.last + 1;
    }
    if (next < end) recalled.push(goneFrom(next, end - 1));
    return recalled;
  }

  /** The stream is full. The history gives way, and so does what only receivers have not taken that may miss it. */
  #makeRoom(): void {
    this.#kept = [];
    if (this.#history > 0 || this.#audience.hasOnesThatDrop) void this.#tidy();
  }

  #tidySoon(): void {
    if (this.#tidying !== undefined || this.#isOver) return;
    this.#tidying = clock.setTimeout(() => {
      this.#tidying = undefined;
      void this.#tidy();
    }, TIDY_PAUSE);
    this.#tidying.unref();
  }

  /** Removes from the stream what is neither kept nor needed by anybody who must not miss it. */
  async #tidy(): Promise<void> {
    const kept = this.#kept[0]?.first ?? Number.POSITIVE_INFINITY;
    const end = this.#publisher.stored + 1;
    const first = Math.min(kept, this.#audience.oldestNeeded, end);
    if (first <= this.#firstStored || this.#isOver) return;
    this.#firstStored = first;
    try {
      await this.#engine.api.streams.purge(this.#stream, { seq: first });
      this.#publisher.retry();
    } catch {
      this.#firstStored = 1; // The next time it is tried again.
    }
  }
}
