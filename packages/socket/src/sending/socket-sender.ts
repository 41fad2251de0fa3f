import type { Socket } from 'node:net';
import {
  type AcceptOutcome,
  BaseSender,
  bytesDetached,
  type LoanMemory,
  PageferryError,
  type ReceiverInfo,
  type SendMethod,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { BufferPool } from '../memory/buffer-pool.js';
import type { SenderSettings } from '../options.js';
import { FRAME, FRAME_BYTES, writeFrame } from '../protocol/frame.js';
import { Greeter } from './greeter.js';
import { Lane } from './lane.js';
import type { OutgoingMessage } from './outgoing-message.js';

interface BufferLoan extends LoanMemory {
  /** The pool's buffer: room for the frame, and then `bytes`. */
  readonly buffer: Buffer;
  /** Of the bytes, which have none once a program has detached them. */
  readonly byteLength: number;
}

interface SentMessage extends OutgoingMessage {
  readonly memory: BufferLoan;
}

/** The sending side of the socket transport: one lane for each receiver, one pool for all. */
export class SocketSender extends BaseSender<BufferLoan> {
  readonly #poolBytes: number;
  readonly #pool: BufferPool;
  readonly #greeter: Greeter;
  readonly #lanes = new Set<Lane>();
  readonly #waits = new WaitList();
  #endpoint: Endpoint | undefined;
  #bytesOut = 0;
  #keepsAlive = true;
  #nextLane = 0;
  #nextSequence = 0;

  private constructor(settings: SenderSettings, patience: number | undefined) {
    super({ ...settings, capabilities });
    this.#poolBytes = settings.poolBytes;
    this.#pool = new BufferPool(settings.poolBytes);
    this.#greeter = new Greeter({
      hasRoom: () => this.#lanes.size < settings.maxReceivers,
      admit: (socket, rest) => this.#admit(socket, rest),
      ...(patience === undefined ? {} : { patience }),
    });
  }

  /**
   * Binds the endpoint.
   *
   * @param patience how long a receiver may take to say hello, in milliseconds.
   * @throws as `Transport.createSender`.
   */
  static async create(settings: SenderSettings, patience?: number): Promise<SocketSender> {
    const sender = new SocketSender(settings, patience);
    sender.#endpoint = await Endpoint.bind(settings.endpoint, sender.#greeter.greet);
    return sender;
  }

  protected override allocate(byteLength: number): BufferLoan | undefined {
    if (this.#bytesOut > 0 && this.#bytesOut + byteLength > this.#poolBytes) return undefined;
    const buffer = this.#pool.take(FRAME_BYTES + byteLength);
    this.#bytesOut += byteLength;
    const bytes = buffer.subarray(FRAME_BYTES, FRAME_BYTES + byteLength);
    return { bytes, byteLength, buffer };
  }

  protected override free(memory: BufferLoan): void {
    this.#bytesOut -= memory.byteLength;
    this.#pool.giveBack(memory.buffer);
  }

  protected override accept(memory: BufferLoan, byteLength: number): AcceptOutcome {
    if (this.#lanes.size === 0) return 'no-receiver';
    for (const lane of this.#lanes) if (!lane.hasRoom) return 'full';
    // Of a message without bytes nobody else can tell. The number must not be taken for it.
    if (memory.buffer.length === 0) throw bytesDetached('loan');
    const sequence = this.#nextSequence++;
    writeFrame(memory.buffer, 0, FRAME.message, byteLength, sequence);
    const bytes = memory.buffer.subarray(0, FRAME_BYTES + byteLength);
    const message: SentMessage = {
      sequence,
      byteLength,
      bytes,
      memory,
      holders: 0,
      reusable: true,
    };
    for (const lane of this.#lanes) lane.send(message);
    return 'sent';
  }

  protected override hasLeft(): boolean {
    // The end leaves like a message, so that closing waits for it under the same time limit.
    if (this.closed) this.#announceEnd();
    for (const lane of this.#lanes) if (!lane.empty) return false;
    return true;
  }

  protected override isFlushed(): boolean {
    for (const lane of this.#lanes) if (!lane.idle) return false;
    return true;
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.wait(ready, signal);
  }

  protected override recheck(): void {
    this.#waits.wake();
  }

  protected override listReceivers(): readonly ReceiverInfo[] {
    return Array.from(this.#lanes, (lane) => lane.info());
  }

  protected override countReceivers(): number {
    return this.#lanes.size;
  }

  protected override bytesOut(): number {
    return this.#bytesOut;
  }

  protected override sendMethod(): SendMethod {
    return { method: 'write' };
  }

  protected override keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#endpoint?.keepAlive(on);
    this.#greeter.keepAlive(on);
    for (const lane of this.#lanes) lane.keepAlive(on);
  }

  protected override async finish(): Promise<void> {
    this.#announceEnd();
    await Promise.all(Array.from(this.#lanes, (lane) => lane.end()));
    await this.#end();
  }

  protected override async abandon(): Promise<void> {
    this.#stopListening();
    for (const lane of this.#lanes) lane.close();
    await this.#end();
  }

  #announceEnd(): void {
    this.#stopListening();
    for (const lane of this.#lanes) lane.finish(this.#nextSequence);
  }

  #stopListening(): void {
    void this.#endpoint?.close();
    this.#greeter.close();
  }

  async #end(): Promise<void> {
    this.#pool.clear();
    this.#waits.fail(new PageferryError('CLOSED', 'this sender is closed'));
    await this.#endpoint?.close();
  }

  #admit(socket: Socket, rest: Buffer): void {
    const lane = new Lane(this.#nextLane++, socket, {
      onReleased: (message) => this.#takeBack(message as SentMessage),
      onChange: () => this.#waits.wake(),
      onFailure: (error) => this.connectionFailed(error),
      onGone: (gone) => {
        this.#lanes.delete(gone);
        this.#waits.wake();
      },
    });
    lane.keepAlive(this.#keepsAlive);
    this.#lanes.add(lane);
    if (rest.length > 0) lane.receive(rest);
    this.#waits.wake();
  }

  #takeBack(message: SentMessage): void {
    message.holders--;
    if (message.holders > 0) return;
    this.#bytesOut -= message.memory.byteLength;
    if (message.reusable) this.#pool.giveBack(message.memory.buffer);
  }
}
