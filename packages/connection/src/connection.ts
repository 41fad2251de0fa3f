import { clock, dispose, inheritedDescriptor, senderAt, senderDied } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  POLLRDHUP,
  type SocketMessage,
  systemCallError,
  type UnixSocket,
} from '@pageferry/linux';
import { ClaimableConsumer, ClaimableProducer } from './control/claimable-queue.js';
import type { ControlMemory } from './control/control-memory.js';
import { CUT_OFF, PARKED, RECEIVER, SENDER, TAG_WORD, WAITS_FOR } from './control/layout.js';
import { MEMORY_MESSAGE_ROOM, PassedMemory, passMemory } from './control/passed-memory.js';
import { type Entry, QueueConsumer, QueueProducer } from './control/queue.js';
import { cutOffBySender, senderMisbehaved } from './sender-errors.js';
import type { Doorbell } from './waiting/doorbell.js';

/** How many messages of the peer to take before others have their turn of the event loop. */
const MESSAGES_AT_ONCE = 16;

/**
 * How many rings in a row may bring nothing new. An honest peer changes one of its counters before each;
 * at most one ring comes when its news were seen already.
 */
const MAX_EMPTY_RINGS = 64;

/** The parts of a connection. The connection takes them over. */
export interface ConnectionParts {
  /** Tells of the peer's death. */
  readonly socket: UnixSocket;
  readonly memory: ControlMemory;
  /** Wakes the sender. */
  readonly senderBell: Doorbell;
  /** Wakes the receiver. */
  readonly receiverBell: Doorbell;
}

/** What happens on a connection, on the event loop. */
export interface ConnectionEvents {
  /** The peer has rung: something may have changed. */
  readonly onRing: () => void;
  /** The peer has hung up or died, or the connection has failed. Called once. */
  readonly onHangUp: () => void;
}

/** What both ends of a connection have in common: they watch the socket and their own bell. */
abstract class Connection implements Disposable {
  protected readonly words: Int32Array;
  readonly #parts: ConnectionParts;
  readonly #ownBell: Doorbell;
  #socketWatcher: DescriptorWatcher | undefined;
  #process: { readonly fd: OwnedFd; readonly watcher: DescriptorWatcher } | undefined;
  #onHangUp: (() => void) | undefined;
  #peerGone = false;
  #peerEnded = false;
  #countersAtRing = 0;
  #emptyRings = 0;
  /** True if the peer was cut off because it rang and rang, and had nothing to say. */
  protected ringsInVain = false;
  #failure: unknown;
  /** Called when the peer's process has ended, where that is watched, whatever was given up before. */
  protected onProcessEnd: (() => void) | undefined;

  protected constructor(parts: ConnectionParts, ownBell: Doorbell) {
    this.#parts = parts;
    this.#ownBell = ownBell;
    this.words = parts.memory.words;
  }

  /** Entries in each queue: as many messages may be under way. */
  get capacity(): number {
    return this.#parts.memory.capacity;
  }

  /** True once the peer has hung up or died, or the connection has failed on this side. */
  get peerGone(): boolean {
    return this.#peerGone;
  }

  /**
   * True once the peer's end of the socket was seen to have closed: it is gone for certain, where
   * {@link peerGone} may also say that this side has given it up.
   */
  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  /** What failed on this side, mostly `SYSTEM_CALL_FAILED`; `undefined` if nothing did. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Ends the connection, as far as this side is concerned, because of what failed here: where nobody
   * would catch it, as in a callback of the event loop, or once a message was announced. The first
   * failure counts.
   */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#giveUp();
    this.#unwatchSocket();
    // Not here: it may be in the middle of what its owner does.
    clock.setImmediate(() => this.#hangUp());
  }

  /**
   * Starts to watch for rings and for the peer's end. The events must not throw: nobody is there to
   * catch it.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  watch(calls: LinuxCalls, events: ConnectionEvents): void {
    this.#ownBell.listen(
      () => {
        if (this.believeRing()) events.onRing();
        else this.#hangUp();
      },
      (error) => this.fail(error),
    );
    const { socket } = this.#parts;
    const watcher = calls.watch(socket.fd, POLLIN, (error) => {
      try {
        if (error < 0) throw systemCallError('epoll_wait', error);
        for (let count = 0; count < MESSAGES_AT_ONCE; count++) {
          const message = socket.receive(MEMORY_MESSAGE_ROOM);
          if (message === undefined) return;
          if (this.#take(message)) continue;
          this.#hangUp();
          return;
        }
      } catch (failure) {
        this.fail(failure);
      }
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher);
    this.#socketWatcher = watcher;
    this.#onHangUp = events.onHangUp;
  }

  /**
   * Takes the end of the peer's process for the peer's end: a child that it has forked (without a program of
   * its own) has the socket, too, and would hold it open for as long as it lives.
   *
   * Where there is nothing to watch (before Linux 5.3, in a sandbox, short of descriptors, or if the pid is
   * not known) the socket alone tells, as ever. Only after {@link watch}.
   *
   * @param pid of the peer, as the kernel has named it. If it has ended by now and the number is another
   *   process's, then that one's end comes too late at worst.
   */
  watchProcess(calls: LinuxCalls, pid: number | undefined): void {
    if (pid === undefined || pid === process.pid) return;
    const number = calls.pidfdOpen(pid, 0);
    if (number < 0) return;
    const fd = new OwnedFd(calls, number);
    const watcher = calls.watch(number, POLLIN, (error) => {
      // That watching fails says nothing of the process: the socket alone tells from here on.
      if (error < 0) this.#unwatchProcess();
      else this.#processEnded();
    });
    if (typeof watcher === 'number') {
      fd.close();
      return;
    }
    watcher.unref();
    this.#process = { fd, watcher };
  }

  /** Stops watching for the peer's end. */
  unwatch(): void {
    this.#unwatchSocket();
    this.#unwatchProcess();
  }

  #unwatchSocket(): void {
    this.#socketWatcher?.close();
    this.#socketWatcher = undefined;
  }

  #unwatchProcess(): void {
    this.#process?.watcher.close();
    this.#process?.fd.close();
    this.#process = undefined;
  }

  /** Whether the watchers keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#ownBell.keepAlive(on);
    if (on) this.#socketWatcher?.ref();
    else this.#socketWatcher?.unref();
  }

  /**
   * True once the peer has hung up or died, also where the event loop had no turn to notice it. What is
   * behind more messages than an honest peer has under way is seen at the next call.
   */
  checkPeer(): boolean {
    const { socket } = this.#parts;
    try {
      for (let count = 0; count < MESSAGES_AT_ONCE && !this.#peerGone; count++) {
        const message = socket.receive(MEMORY_MESSAGE_ROOM);
        if (message === undefined) return false;
        if (!this.#take(message)) this.#giveUp();
      }
    } catch (error) {
      this.fail(error);
    }
    return this.#peerGone;
  }

  /**
   * Whether to look what is new, after a ring. A peer that rings for ever and has nothing to say, or whose
   * bell cannot be silenced (no eventfd, or one that counts down), would keep this side busy at no cost to
   * itself: it is cut off, as one that has hung up.
   */
  believeRing(): boolean {
    const counters = this.peerCounters();
    if (counters !== this.#countersAtRing) {
      this.#countersAtRing = counters;
      this.#emptyRings = 0;
      return true;
    }
    if (++this.#emptyRings <= MAX_EMPTY_RINGS) return true;
    this.#ownBell.ignore();
    this.#unwatchSocket();
    this.ringsInVain = !this.#peerGone;
    this.#giveUp();
    return false;
  }

  /** The sum of all counters that the peer publishes: they only grow, so that it tells of any news. */
  protected abstract peerCounters(): number;

  /** The descriptors to wait for where the event loop is not: the own bell, and the socket. */
  get waitable(): { readonly bell: Doorbell; readonly socket: UnixSocket } {
    return { bell: this.#ownBell, socket: this.#parts.socket };
  }

  /** Rings the other side. A bell that does not ring is the end: the other side would sleep on. */
  protected ring(bell: Doorbell): void {
    try {
      bell.ring();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes what came on the socket. False if it was the end, or should not have come. */
  #take(message: SocketMessage | 'end'): boolean {
    if (message !== 'end') return this.hear(message);
    this.#peerEnded = true;
    return false;
  }

  #processEnded(): void {
    this.#unwatchProcess();
    this.#peerEnded = true;
    this.#hangUp();
    this.onProcessEnd?.();
  }

  #giveUp(): void {
    this.#peerGone = true;
    this.peerLeft();
  }

  /** Called when the peer is gone, or was given up. */
  protected peerLeft(): void {
    // Nothing to do here.
  }

  /** Nothing that happens on this connection is told any more, but the end of the peer's process. */
  protected silence(): void {
    this.#unwatchSocket();
    this.#ownBell.ignore();
    this.#onHangUp = undefined;
  }

  #hangUp(): void {
    if (!this.#peerGone) this.#giveUp();
    this.#unwatchSocket();
    // Nobody is left who could ring: an idle receiver must not keep its process alive for that.
    this.#ownBell.ignore();
    const onHangUp = this.#onHangUp;
    this.#onHangUp = undefined;
    onHangUp?.();
  }

  /** Takes what the peer says after the handshake. False if it has nothing to say: it is cut off. */
  protected hear(message: SocketMessage): boolean {
    for (const descriptor of message.descriptors) descriptor.close();
    return false;
  }

  /** Gives back everything. Harmless the second time. */
  close(): void {
    this.unwatch();
    this.#onHangUp = undefined;
    this.#parts.senderBell.close();
    this.#parts.receiverBell.close();
    this.#parts.socket.close();
    this.#parts.memory.close();
  }

  [dispose](): void {
    this.close();
  }
}

/** The sender's end of a connection with one receiver. */
export class SenderConnection extends Connection {
  readonly #deliveries: QueueProducer;
  readonly #claimable: ClaimableProducer | undefined;
  readonly #returns: QueueConsumer;
  readonly #receiverBell: Doorbell;
  readonly #socket: UnixSocket;
  #bytesProduced = 0;
  #memoriesPassed = 0;
  #endWatcher: DescriptorWatcher | undefined;

  /** @param mayDrop whether messages that the receiver has not taken may be taken back. */
  constructor(parts: ConnectionParts, mayDrop = false) {
    super(parts, parts.senderBell);
    this.#socket = parts.socket;
    const { deliveries } = parts.memory;
    if (mayDrop) this.#claimable = new ClaimableProducer(this.words, deliveries);
    this.#deliveries = this.#claimable ?? new QueueProducer(this.words, deliveries);
    this.#returns = new QueueConsumer(this.words, parts.memory.returns);
    this.#receiverBell = parts.receiverBell;
  }

  protected override peerCounters(): number {
    return (
      (Atomics.load(this.words, RECEIVER.returned) +
        Atomics.load(this.words, RECEIVER.bytesConsumed) +
        Atomics.load(this.words, RECEIVER.memoriesHeard)) |
      0
    );
  }

  /** Publishes a message. The caller keeps at most `capacity` under way. */
  deliver(first: number, second: number, third: number, fourth: number): void {
    this.#deliveries.push(first, second, third, fourth);
  }

  /** The delivery queue, for what can be taken back; only where messages may be dropped. */
  get claimable(): ClaimableProducer | undefined {
    return this.#claimable;
  }

  /**
   * Passes memory of its own for a message, before that is delivered. See {@link passMemory}.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  passMemory(tag: number, fd: OwnedFd): 'sent' | 'later' | 'gone' {
    const outcome = passMemory(this.#socket, tag, fd);
    if (outcome !== 'sent') return outcome;
    this.#memoriesPassed = (this.#memoriesPassed + 1) | 0;
    Atomics.store(this.words, SENDER.memoriesPassed, this.#memoriesPassed);
    return outcome;
  }

  /** Publishes how many messages were ever dropped for the receiver; before any that comes after them. */
  noteDropped(count: number): void {
    Atomics.store(this.words, SENDER.dropped, count | 0);
  }

  /** Memories that the receiver has not taken off the socket, as far as it tells the truth. */
  memoriesUnheard(): number {
    return (this.#memoriesPassed - Atomics.load(this.words, RECEIVER.memoriesHeard)) | 0;
  }

  /** Publishes that so many more bytes of payload are in the data plane. */
  produce(count: number): void {
    this.#bytesProduced = (this.#bytesProduced + count) | 0;
    Atomics.store(this.words, SENDER.bytesProduced, this.#bytesProduced);
  }

  /** Bytes in the data plane that the receiver has not taken, as far as it tells the truth. */
  bytesInFlight(): number {
    return (this.#bytesProduced - Atomics.load(this.words, RECEIVER.bytesConsumed)) | 0;
  }

  /** How many entries wait in the return queue. Unchecked: the receiver may lie. */
  returnsAvailable(): number {
    return this.#returns.available();
  }

  /** Takes an entry out of the return queue; only after `returnsAvailable`. */
  takeReturn(entry: Entry): void {
    this.#returns.shift(entry);
  }

  /** Rings the receiver if it is parked. Costs one load if it is not. */
  wakeReceiver(): void {
    if (Atomics.load(this.words, PARKED.receiver) === 0) return;
    if (Atomics.exchange(this.words, PARKED.receiver, 0) !== 0) this.ring(this.#receiverBell);
  }

  /**
   * Says that this side parks, and what would wake it. Look once more before parking.
   *
   * @param roomAt with `WAITS_FOR.room`: how many more bytes the receiver shall have taken.
   */
  park(waitsFor: number, roomAt = 0): void {
    if ((waitsFor & WAITS_FOR.room) !== 0) {
      const wakeAt = (Atomics.load(this.words, RECEIVER.bytesConsumed) + roomAt) | 0;
      Atomics.store(this.words, PARKED.senderWakeAt, wakeAt);
    }
    Atomics.store(this.words, PARKED.sender, waitsFor);
  }

  /** Publishes that nothing more will be delivered, in good order. */
  finish(): void {
    Atomics.store(this.words, SENDER.finished, 1);
    this.wakeReceiver();
  }

  /**
   * Gives up a receiver that may be alive, and tells it: it takes nothing more from here. What it holds, or
   * is about to take, it may read until it {@link receiverHasEnded}.
   *
   * @param isAccused whether that is because of what the receiver did, and not of what failed here.
   */
  cutOff(isAccused: boolean): void {
    this.silence();
    const { accused, failed } = CUT_OFF;
    Atomics.store(this.words, SENDER.cutOff, isAccused ? accused : failed);
    this.wakeReceiver();
    try {
      // Only this direction: otherwise nobody could tell when the other one ends.
      this.#socket.endSending();
    } catch {
      // It is told by the word alone, then.
    }
  }

  /**
   * Has `onEnd` called on the event loop when the receiver that was cut off has closed its end. Nothing
   * else that it does wakes this side. Where that cannot be watched, {@link receiverHasEnded} tells.
   */
  awaitEnd(calls: LinuxCalls, onEnd: () => void): void {
    this.onProcessEnd = onEnd;
    const watcher = calls.watch(this.#socket.fd, POLLRDHUP, () => {
      this.#endWatcher?.close();
      this.#endWatcher = undefined;
      onEnd();
    });
    if (typeof watcher === 'number') return;
    // It frees memory at most: no reason to keep a process alive.
    watcher.unref();
    this.#endWatcher = watcher;
  }

  /** True once the receiver's end of the socket has closed: nobody reads any more what it was given. */
  receiverHasEnded(): boolean {
    try {
      return this.peerEnded || this.#socket.peerHasEnded();
    } catch {
      return false;
    }
  }

  override close(): void {
    this.#endWatcher?.close();
    this.#endWatcher = undefined;
    super.close();
  }
}

/** The receiver's end of a connection. */
export class ReceiverConnection extends Connection {
  readonly #deliveries: QueueConsumer;
  readonly #claimable: ClaimableConsumer | undefined;
  readonly #returns: QueueProducer;
  readonly #socket: UnixSocket;
  readonly #senderBell: Doorbell;
  readonly #memory: PassedMemory | undefined;
  /** Tag of the message that was claimed last: its entry does not wait any more, its memory may. */
  #claimedTag: number | undefined;
  #bytesConsumed = 0;
  #memoriesHeard = 0;
  #dropped: number | undefined;
  #sender = 'the sender';

  /**
   * @param takesMemory whether the sender may pass descriptors after the handshake.
   * @param mayDrop whether the sender may take messages back.
   */
  constructor(parts: ConnectionParts, takesMemory = false, mayDrop = false) {
    super(parts, parts.receiverBell);
    const onHeard = (): void => this.#noteMemory();
    this.#memory = takesMemory ? new PassedMemory(parts.socket, onHeard) : undefined;
    const { deliveries } = parts.memory;
    if (mayDrop) this.#claimable = new ClaimableConsumer(this.words, deliveries);
    this.#deliveries = this.#claimable ?? new QueueConsumer(this.words, deliveries);
    this.#returns = new QueueProducer(this.words, parts.memory.returns);
    this.#socket = parts.socket;
    this.#senderBell = parts.senderBell;
  }

  protected override peerCounters(): number {
    return (
      (Atomics.load(this.words, SENDER.delivered) +
        Atomics.load(this.words, SENDER.bytesProduced) +
        Atomics.load(this.words, SENDER.memoriesPassed) +
        Atomics.load(this.words, SENDER.finished)) |
      0
    );
  }

  /** Names the sender for errors. Who has made a pair of sockets need not be who uses it. */
  nameSender(endpoint: string): string {
    const inherited = inheritedDescriptor(endpoint) !== undefined;
    this.#sender = senderAt(endpoint, inherited ? undefined : this.#socket.peerCredentials());
    return this.#sender;
  }

  /** How many messages wait. Unchecked: the sender may lie. */
  deliveriesAvailable(): number {
    return this.#deliveries.available();
  }

  /** As {@link deliveriesAvailable}, without looking again while some are known to wait. */
  deliveriesKnown(): number {
    return this.#deliveries.known();
  }

  /**
   * What it means that a look for deliveries has found none: 0 if more may come, how many came in
   * between, or `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` if nothing will come any more, `PEER_MISBEHAVED` if the sender was cut off,
   *   `PEER_REJECTED` if it has cut this receiver off, or what failed on this side.
   */
  lookAgain(): number | 'end' {
    const { finished, isCutOff } = this;
    if (!finished && !isCutOff && !this.peerGone) return 0;
    if (isCutOff) this.#deliveries.stop();
    // What was published before the end is there by now, and still to be taken.
    const available = this.deliveriesAvailable();
    if (available !== 0) return available;
    if (finished && !isCutOff) return 'end';
    throw this.endedBy();
  }

  /**
   * The error for a sender that is gone: it has died, or was cut off for what it did, or has cut this
   * side off, or what failed on this side.
   *
   * @param when how far it had come: `'in the middle of a message'`.
   */
  endedBy(when?: string): unknown {
    if (this.failure !== undefined) return this.failure;
    const cutOff = Atomics.load(this.words, SENDER.cutOff);
    if (this.isCutOff) return cutOffBySender(cutOff === CUT_OFF.accused);
    return this.ringsInVain
      ? senderMisbehaved('its doorbell rings and rings, and there is nothing new')
      : senderDied(this.#sender, when);
  }

  /**
   * Takes the next message's entry that was not taken back; false if there is none. Takes the sender at
   * its word: whatever it says waits, only as many entries as there are places are looked at.
   */
  claimDelivery(entry: Entry): boolean {
    const available = this.#deliveries.available() >>> 0;
    if (available === 0) return false;
    const before = this.#deliveries.passed;
    const isTaken = this.#claimable?.claim(entry, available) === true;
    // What is heard from now on must not have the memory of this very message closed.
    if (isTaken) this.#claimedTag = entry[TAG_WORD];
    const passed = (this.#deliveries.passed - before) >>> 0;
    if (passed > Number(isTaken)) this.#hearMemory();
    return isTaken;
  }

  /** Takes the next message's entry; only after `deliveriesAvailable`. */
  takeDelivery(entry: Entry): void {
    this.#deliveries.shift(entry);
  }

  /** Bytes in the data plane that were not taken yet, as far as the sender tells the truth. */
  bytesAvailable(): number {
    return (Atomics.load(this.words, SENDER.bytesProduced) - this.#bytesConsumed) | 0;
  }

  /** Publishes that so many more bytes were taken; wakes a sender that waits for the room. */
  consume(count: number): void {
    this.#bytesConsumed = (this.#bytesConsumed + count) | 0;
    Atomics.store(this.words, RECEIVER.bytesConsumed, this.#bytesConsumed);
    if ((Atomics.load(this.words, PARKED.sender) & WAITS_FOR.room) === 0) return;
    const wakeAt = Atomics.load(this.words, PARKED.senderWakeAt);
    if (((this.#bytesConsumed - wakeAt) | 0) >= 0) this.#wakeSender();
  }

  /** Gives a message back; wakes a sender that waits for one. */
  giveBack(first: number, second: number, third: number, fourth: number): void {
    this.#returns.push(first, second, third, fourth);
    if ((Atomics.load(this.words, PARKED.sender) & WAITS_FOR.returns) !== 0) this.#wakeSender();
  }

  /**
   * True once the sender has said that nothing more comes, in good order. Ask after a look for
   * deliveries, and look once more: some may have come in between.
   */
  get finished(): boolean {
    // A plain load first: whoever polls asks each time, and `Atomics.load` is a call. The look for
    // deliveries before it is no plain one, so that it is neither kept nor moved to the front.
    return this.words[SENDER.finished] === 1 && Atomics.load(this.words, SENDER.finished) === 1;
  }

  /** True once the sender, which lives, has given this side up. */
  get isCutOff(): boolean {
    if (this.words[SENDER.cutOff] === 0) return false;
    const why = Atomics.load(this.words, SENDER.cutOff);
    return why === CUT_OFF.failed || why === CUT_OFF.accused;
  }

  protected override peerLeft(): void {
    // Nothing is taken from a sender that has cut this side off, though some may wait.
    if (this.isCutOff) this.#deliveries.stop();
  }

  /**
   * Messages that the sender has ever dropped for this side, kept to 32 bits, as far as it tells the truth;
   * also once this connection is closed.
   */
  get dropped(): number {
    return this.#dropped ?? Atomics.load(this.words, SENDER.dropped);
  }

  /** Says that this side parks. Look once more before parking. */
  park(): void {
    Atomics.store(this.words, PARKED.receiver, 1);
  }

  /**
   * The memory that the sender has passed for the message that was taken last; the caller owns it. See
   * {@link PassedMemory.take}.
   */
  takeMemory(tag: number): OwnedFd | 'lost' | undefined {
    this.#claimedTag = tag;
    return this.#memory?.take(tag, () => this.#hearsMore());
  }

  protected override hear(message: SocketMessage): boolean {
    return this.#memory?.keep(message) ?? super.hear(message);
  }

  /** Has the sender know that one more memory is off the socket; closes those that nobody needs. */
  #noteMemory(): void {
    this.#memoriesHeard = (this.#memoriesHeard + 1) | 0;
    Atomics.store(this.words, RECEIVER.memoriesHeard, this.#memoriesHeard);
    if (!this.#memory?.hasMany) return;
    const isNeeded = this.#deliveries.neededTags();
    if (isNeeded) this.#memory.prune((tag) => tag === this.#claimedTag || isNeeded(tag));
  }

  /** Takes off the socket what was passed for dropped messages: who never waits would never do it. */
  #hearMemory(): void {
    if (this.#hearsMore()) this.checkPeer();
  }

  #hearsMore(): boolean {
    return Atomics.load(this.words, SENDER.memoriesPassed) !== this.#memoriesHeard;
  }

  override close(): void {
    this.#dropped = this.dropped;
    this.#memory?.close();
    super.close();
  }

  #wakeSender(): void {
    if (Atomics.exchange(this.words, PARKED.sender, 0) !== 0) this.ring(this.#senderBell);
  }
}
