import type { ChildProcess, ForkOptions } from 'node:child_process';
import type { Worker } from 'node:worker_threads';
import type { Knobs, Task } from '../trials/task.js';
import type { Destination } from './destinations.js';

/** Writes one message into memory that is lent to the sender. */
export type Write = (bytes: Uint8Array) => void;

/**
 * Sees a part of a message: the bytes from `start` to `end`, which begin `offset` bytes into the
 * message. A channel without messages of its own hands over the parts as they come.
 */
export type See = (bytes: Uint8Array, start: number, end: number, offset: number) => void;

/** The receiving process or thread, as the sending process holds it. */
export interface ReceiverHandle {
  readonly child?: ChildProcess | undefined;
  readonly worker?: Worker | undefined;
}

/** The sending side of a channel that is ready. */
export interface SendingSide {
  /** Settings worth knowing, which end up in the results. */
  readonly knobs: Knobs;
  /** Sends `count` messages to every receiver, each written by `write`. */
  send(count: number, write: Write): Promise<void>;
  /** Sends a message and sees its answer, `count` times, one after the other; calls `answered` after each. */
  exchange(count: number, write: Write, see: See, answered: () => void): Promise<void>;
  /** Lets everything that was sent leave, and ends. */
  close(): Promise<void>;
}

/** The receiving side of a channel that is ready. */
export interface ReceivingSide {
  /** Sees `count` messages. Rejects with {@link ChannelEnded} if there are fewer. */
  receive(count: number, see: See): Promise<void>;
  /** Moves `count` messages on. Rejects likewise. */
  moveOn(count: number, destination: Destination): Promise<void>;
  /** Sees `count` messages and answers each with one of the same size. */
  answer(count: number, see: See, write: Write): Promise<void>;
  close(): Promise<void>;
}

/** The asking side of a channel for requests. Several `exchange` may go on at the same time. */
export type AskingSide = Pick<SendingSide, 'knobs' | 'exchange' | 'close'>;

/** The answering side: whatever comes while it answers is a question. */
export type AnsweringSide = Pick<ReceivingSide, 'answer' | 'close'>;

/** A sending side that waits for its receivers. */
export interface Listening<Sending = SendingSide> {
  /** What the receivers have to know, such as a port. */
  readonly address?: string | number | undefined;
  /** Resolves when all of them are connected. */
  connected(): Promise<Sending>;
}

/** What the module of a channel exports. */
export interface ChannelModule<Sending = SendingSide, Receiving = ReceivingSide> {
  /** How receivers are started: in a process, with these options, or in a thread of the sender. */
  readonly receivers?: 'threads' | Pick<ForkOptions, 'serialization' | 'stdio'>;
  /** In the sending process. */
  listen(task: Task, receivers: readonly ReceiverHandle[]): Promise<Listening<Sending>>;
  /** In each receiving process or thread; `index` counts them from 0. */
  connect(task: Task, address: string | number | undefined, index: number): Promise<Receiving>;
}

/** What the module of a subject's requests exports. */
export type RequestModule = ChannelModule<AskingSide, AnsweringSide>;

/** The channel has ended before everything was there. */
export class ChannelEnded extends Error {
  constructor(missing: number) {
    super(`the channel ended ${missing} messages early`);
  }
}
