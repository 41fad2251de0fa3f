import type { ConsumerInfo } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { clock, type Presence, SubscriberSet } from '@pageferry/core';
import type { Engine } from '../engine/engine.js';
import { isNotFound } from '../engine/errors.js';
import { policyOf } from '../protocol/consumer.js';
import type { Outgoing } from './outgoing.js';
import { Subscriber } from './subscriber.js';

/** How often consumers are looked at while something is under way, in milliseconds, for what nobody has told. */
const LOOK_INTERVAL = 1000;
/** Every how many looks also while nothing is. */
const IDLE_LOOKS = 10;

/** What {@link Audience} asks of its sender, and tells it. */
export interface AudienceEvents {
  /** All messages that a receiver which has just come may get. */
  readonly underWay: () => Iterable<Outgoing>;
  /** A receiver is done with this message, or gone. */
  readonly onDone: (message: Outgoing) => void;
  /** Something has changed that somebody may wait for. */
  readonly onChange: () => void;
}

/**
 * The receivers of a sender: the consumers of its stream. The engine tells of those that come and go (its advisories),
 * and they tell what they are done with (their acknowledgements); a look now and then finds what was lost of that.
 */
export class Audience {
  readonly #engine: Engine;
  readonly #events: AudienceEvents;
  readonly #patience: number;
  readonly #set: SubscriberSet<Subscriber>;
  /** All receivers by the names of their consumers, also those of which it is not known from where on they read. */
  readonly #known = new Map<string, Subscriber>();
  readonly #timer: NodeJS.Timeout;
  #stream: string;
  #nextId = 0;
  /** Number of the last piece that another sender has left in the stream. */
  #inherited = 0;
  #looks = 0;
  #isOver = false;

  /** @param patience for how many milliseconds the servers may not reach a receiver. */
  constructor(
    engine: Engine,
    stream: string,
    patience: number,
    presence: Presence,
    events: AudienceEvents,
  ) {
    this.#patience = patience;
    this.#engine = engine;
    this.#events = events;
    this.#stream = stream;
    this.#set = new SubscriberSet(presence);
    this.#listen();
    engine.onChange(() => {
      if (engine.connected) void this.look();
    });
    this.#timer = clock.setInterval(() => {
      this.#looks++;
      if (!this.#set.isIdle || this.#looks % IDLE_LOOKS === 0) void this.look();
    }, LOOK_INTERVAL);
    this.#timer.unref();
  }

  /** Those that are served. */
  get subscribers(): SubscriberSet<Subscriber> {
    return this.#set;
  }

  /** Gives a message to all of them. */
  give(message: Outgoing): void {
    for (const subscriber of this.#known.values()) subscriber.give(message);
  }

  /** False if one of them has as much under way as it may. */
  get hasRoom(): boolean {
    for (const subscriber of this.#set) if (!subscriber.hasRoom) return false;
    return true;
  }

  /** Number in the stream of the oldest piece that somebody who must not miss it may still get. */
  get oldestNeeded(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const subscriber of this.#known.values()) {
      if (subscriber.waits) oldest = Math.min(oldest, subscriber.oldest ?? oldest);
    }
    return oldest;
  }

  /** What those are not done with who must not miss it, in the order of the stream. */
  get owed(): readonly Outgoing[] {
    const waiting = [...this.#known.values()].filter(({ waits }) => waits);
    const messages = new Set(waiting.flatMap(({ pending }) => pending));
    return [...messages].sort((one, other) => one.first - other.first);
  }

  /** True if somebody may not be done with what another sender has left from this piece on. */
  needsInherited(first: number): boolean {
    return first <= this.#inherited && this.oldestNeeded <= this.#inherited;
  }

  /** True if somebody is there, or coming, who may miss messages. */
  get hasOnesThatDrop(): boolean {
    for (const subscriber of this.#known.values()) if (!subscriber.waits) return true;
    return false;
  }

  /** Forgets all of them: what they read is gone. */
  clear(): void {
    for (const name of [...this.#known.keys()]) this.#forget(name);
  }

  /** Has those that are there keep what they are not done with of what another sender has left, up to this piece. */
  inherit(stored: number): void {
    this.#inherited = stored;
  }

  /** Goes on with the consumers of another stream. */
  restart(stream: string): void {
    this.clear();
    this.#inherited = 0;
    this.#stream = stream;
    this.#listen();
  }

  /** Looks at the consumers that there are. */
  async look(): Promise<void> {
    if (this.#isOver || !this.#engine.connected) return;
    const stream = this.#stream;
    const found = new Map<string, ConsumerInfo>();
    const before = new Set(this.#known.keys());
    try {
      for await (const info of this.#engine.api.consumers.list(stream)) found.set(info.name, info);
    } catch {
      return; // There will be another look.
    }
    if (this.#isOver || stream !== this.#stream) return;
    for (const [name, info] of found) {
      this.#note(name, info);
      await this.#removeIfUnbound(name, info);
    }
    // A cluster leaves out of its list those of servers that do not answer.
    for (const name of before) if (!found.has(name)) await this.#forgetIfGone(name);
    this.#events.onChange();
  }

  /** Looks after nobody any more. */
  stop(): void {
    this.#isOver = true;
    clock.clearInterval(this.#timer);
  }

  #listen(): void {
    const stream = this.#stream;
    const isPresent = (): boolean => !this.#isOver && stream === this.#stream;
    const onAdvisory = (message: Msg): void => {
      const [name = '', , action] = message.subject.split('.').reverse();
      if (!isPresent()) return;
      if (action === 'CREATED') void this.#join(name);
      else if (action === 'DELETED') this.#forget(name);
    };
    this.#engine.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.*.${stream}.*`, onAdvisory);
    const onAck = (message: Msg): void => {
      if (isPresent()) this.#noteAck(message);
    };
    // The second form is that of servers that know of domains.
    this.#engine.subscribe(`$JS.ACK.${stream}.>`, onAck);
    this.#engine.subscribe(`$JS.ACK.*.*.${stream}.>`, onAck);
  }

  async #join(name: string): Promise<void> {
    const policy = policyOf(name);
    if (policy === undefined || this.#known.has(name)) return;
    this.#know(name);
    try {
      this.#note(name, await this.#engine.api.consumers.info(this.#stream, name));
    } catch (error) {
      // Otherwise the next look finds out.
      if (isNotFound(error)) this.#forget(name);
    }
  }

  /**
   * Removes a receiver that the servers have not reached for too long. They do it themselves, but not always where they were
   * started anew meanwhile.
   */
  async #removeIfUnbound(name: string, { push_bound: isBound }: ConsumerInfo): Promise<void> {
    const subscriber = this.#known.get(name);
    if (subscriber === undefined) return;
    const now = clock.now();
    if (isBound) subscriber.unboundSince = undefined;
    else subscriber.unboundSince ??= now;
    if (now - (subscriber.unboundSince ?? now) <= this.#patience) return;
    // If that fails, there will be another look.
    await this.#engine.api.consumers.delete(this.#stream, name).catch(() => undefined);
    await this.#forgetIfGone(name);
  }

  async #forgetIfGone(name: string): Promise<void> {
    const stream = this.#stream;
    try {
      await this.#engine.api.consumers.info(stream, name);
    } catch (error) {
      if (isNotFound(error) && stream === this.#stream && !this.#isOver) this.#forget(name);
    }
  }

  #know(name: string): Subscriber | undefined {
    const known = this.#known.get(name);
    const policy = policyOf(name);
    if (known !== undefined || policy === undefined) return known;
    const subscriber = new Subscriber(this.#nextId++, policy, this.#events.onDone);
    this.#known.set(name, subscriber);
    return subscriber;
  }

  #note(name: string, info: ConsumerInfo): void {
    const { ack_floor: floor, delivered } = info;
    const subscriber = this.#know(name);
    if (subscriber === undefined) return;
    if (subscriber.hasBegun) {
      subscriber.noteAllDone(doneUpTo(info));
    } else if (this.#known.get(name) === subscriber) {
      const start = Math.max(floor.stream_seq, delivered.stream_seq - delivered.consumer_seq);
      subscriber.begin(start, this.#events.underWay(), this.#inherited);
      this.#set.add(subscriber);
    }
    this.#events.onChange();
  }

  #noteAck(message: Msg): void {
    const tokens = message.subject.split('.');
    const place = tokens.indexOf(this.#stream);
    const [name = '', , number] = tokens.slice(place + 1);
    const word = message.string();
    const isDone = word === '' || word.startsWith('+ACK');
    const isDropped = word.startsWith('+TERM');
    if (!isDone && !isDropped) return;
    this.#known.get(name)?.noteDone(Number(number), isDropped);
    this.#events.onChange();
  }

  #forget(name: string): void {
    const subscriber = this.#known.get(name);
    if (subscriber === undefined) return;
    this.#known.delete(name);
    // Whoever is told of it is told what it had not given back.
    this.#set.delete(subscriber);
    subscriber.leave();
    this.#events.onChange();
  }
}

/** Number of the last piece up to which a consumer is known to have acknowledged everything. */
function doneUpTo({ ack_floor: floor, delivered, num_ack_pending: pending }: ConsumerInfo): number {
  // Version 2.9.10 of the server can leave the floor where it was before it was killed, for good.
  return pending === 0 ? Math.max(floor.stream_seq, delivered.stream_seq) : floor.stream_seq;
}
