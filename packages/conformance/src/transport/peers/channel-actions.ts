import type { ChannelStats, ErrorCode, PeerCredentials } from '@pageferry/core';
import type { ReceiveReport, SendReport } from './api.js';

/** What the questions of a side came to, added up. */
export interface AskReport {
  /** How many were answered; each answer is checked in every byte. */
  readonly answered: number;
  /** Codes of the errors of those that were not, in the order in which they were asked. */
  readonly failures: readonly ErrorCode[];
  /** Everything that was wrong with an answer. Empty if all was well. */
  readonly problems: readonly string[];
}

/** What a side has served, added up. */
export interface ServeReport extends ReceiveReport {
  /** How many of the messages were questions, and were answered. */
  readonly questions: number;
}

/** What to do with a question. With `keep` it is held, and not answered. */
export type Answering = 'respond' | 'reject' | 'release' | 'keep';

/** What a channel says of itself. */
export interface ChannelState {
  readonly closed: boolean;
  readonly ended: boolean;
  readonly finished: boolean;
  readonly peer: PeerCredentials | undefined;
}

/**
 * What one side does with its channel, in the test as in a peer. A side counts its messages, questions among them,
 * but not its answers, from 0: a message carries the pattern of its number, and the number as its tag. The answer to
 * a question is as long as the question, and has its tag; see `answers.ts`.
 */
export interface ChannelActions {
  /** Sends one message of each length, waiting for each. */
  send(...lengths: number[]): Promise<SendReport>;
  sendMany(count: number, byteLength: number): Promise<SendReport>;
  /** Sends messages without waiting until no more can be taken. Returns how many. */
  fill(byteLength: number): Promise<number>;
  /** Receives `count` messages, or as many as come before the end; checks and releases each. */
  receive(count?: number): Promise<ReceiveReport>;
  /** As {@link receive}, without releasing them. */
  hold(count: number): Promise<ReceiveReport>;
  /** Checks again what is held. */
  checkHeld(): Promise<ReceiveReport>;
  /** Releases the `count` messages that have been held for longest, or all. */
  release(count?: number): Promise<void>;
  /** Asks `count` questions at once, and waits for all the answers. */
  ask(count: number, byteLength: number): Promise<AskReport>;
  /** Asks `count` questions one after the other, and looks for each answer until it is there. */
  askPolling(count: number, byteLength: number): Promise<AskReport>;
  /** Looks for `count` questions, one after the other, and answers each without waiting. */
  servePolling(count: number): Promise<void>;
  /** Receives `count` messages, or all until the end, and answers those that are questions. */
  serve(count?: number): Promise<ServeReport>;
  /** Receives `count` questions, and does something with all of them, the last one first. */
  answer(count: number, how: Answering): Promise<void>;
  flush(): Promise<void>;
  finish(): Promise<void>;
  close(): Promise<void>;
  destroy(): Promise<void>;
  stats(): Promise<ChannelStats>;
  state(): Promise<ChannelState>;
}

/** The name of one of the {@link ChannelActions}. */
export type ChannelAction = keyof ChannelActions;

/** What a peer does with its listener. */
export interface ListenerActions {
  /** Receives messages of all channels, and answers those that are questions, until the listener is closed. */
  serve(): Promise<{ readonly messages: number; readonly questions: number }>;
  /** How many channels there are. */
  count(): Promise<number>;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** The name of one of the {@link ListenerActions}. */
export type ListenerAction = keyof ListenerActions;
