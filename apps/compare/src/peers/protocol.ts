import type { Task, Usage } from '../trials/task.js';

/** What the sending process tells a receiver, beside the payload. */
export type Order =
  | { readonly order: 'connect'; readonly address?: string | number | undefined }
  /** So many messages come now. */
  | { readonly order: 'expect'; readonly count: number }
  /** No more messages come. */
  | { readonly order: 'finish' };

/** What a receiver tells the sending process. */
export type Report =
  | { readonly report: 'ready'; readonly usage: Usage }
  /** Everything that was expected was seen or moved on, at this time of the system's clock,
   * in nanoseconds: exact for the first hundred days after the machine has started. */
  | { readonly report: 'seen'; readonly at: number; readonly usage: Usage }
  /** Digest of everything that arrived; absent where nobody looked. */
  | { readonly report: 'finished'; readonly digest?: string | undefined }
  | {
      readonly report: 'failed';
      readonly reason: string;
      /** True if messages are missing, and nothing else went wrong. */
      readonly lost: boolean;
    };

/** The receiver has failed. */
export class ReceiverFailed extends Error {
  readonly lost: boolean;

  constructor(reason: string, lost: boolean) {
    super(reason);
    this.lost = lost;
  }
}

/** What the receiving process or thread starts with. */
export interface ReceiverStart {
  readonly task: Task;
  readonly index: number;
}

/** True for an order, and not for payload on the same channel. */
export function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'order' in message;
}

/** True for a report, and not for payload on the same channel. */
export function isReport(message: unknown): message is Report {
  return typeof message === 'object' && message !== null && 'report' in message;
}

/** The message of an error, with its code first. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || error.message.startsWith(code)) return error.message;
  return `${code}: ${error.message}`;
}
