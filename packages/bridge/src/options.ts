import {
  type BridgeChange,
  checkEndpoint,
  checkFlag,
  checkOptionalInteger,
  checkOptions,
  invalidArgument,
  isAbortSignal,
  PageferryError,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
} from '@pageferry/core';

/** Where a bridge takes messages from: it becomes a receiver there. */
export interface BridgeSource<R extends ReceiverOptions = ReceiverOptions> {
  /** The transport of the sender; what of it a bridge uses. */
  readonly transport: {
    createReceiver(options: R): Promise<Receiver>;
  };
  /** The endpoint of the sender. */
  readonly endpoint: string;
  /** What else the receiver is made with: `whenBehind`, for example, or whose endpoint it may be (`allow`). */
  readonly options?: Partial<Omit<R, 'endpoint' | 'signal' | 'timeout'>> | undefined;
}

/** Where a bridge sends messages to: it becomes a sender there. */
export interface BridgeTarget<S extends SenderOptions = SenderOptions> {
  /** The transport of the receivers; what of it a bridge uses. */
  readonly transport: {
    createSender(options: S): Promise<Sender>;
    readonly capabilities: { readonly maxMessageBytes: number };
  };
  /** The endpoint of the receivers, which has to be free. */
  readonly endpoint: string;
  /** What else the sender is made with: `streamBytes`, for example, or who may connect (`allow`). */
  readonly options?: Partial<Omit<S, 'endpoint'>> | undefined;
}

/** Options of `openBridge`. */
export interface BridgeOptions<
  R extends ReceiverOptions = ReceiverOptions,
  S extends SenderOptions = SenderOptions,
> {
  /** Where messages come from. */
  readonly from: BridgeSource<R>;
  /** Where they go. */
  readonly to: BridgeTarget<S>;
  /**
   * Endpoints that may be bridged at all; `*` stands for any characters. Both ends have to be among them. Default: all.
   */
  readonly allow?: readonly string[] | undefined;
  /**
   * What becomes of messages while nobody receives at the other end: they wait, and hold the sender up, or are dropped,
   * which `stats().messagesDropped` counts. Default: `'wait'`.
   */
  readonly whenNobody?: 'wait' | 'drop' | undefined;
  /** How many messages the bridge may hold at most. At least 1. Default: 64. */
  readonly maxUnderWay?: number | undefined;
  /**
   * How many bytes of messages the bridge may hold at most; one larger message is still possible when it holds no other.
   * At least 1. Default: 16 MiB.
   */
  readonly maxBytesUnderWay?: number | undefined;
  /**
   * True to have a bridge that is started again after it was killed go on where that one has stopped. The target's transport
   * needs senders with the option `takeOver` and the method `sendInPlace`, as that over NATS has. It takes a source that gives
   * every message and, to one that comes again, the last ones once more (`history`). Default: false.
   */
  readonly takeOver?: boolean | undefined;
  /** True to end when the sender has: in order, or with its error. By default the bridge waits for the next one. */
  readonly once?: boolean | undefined;
  /** The longest pause between two attempts to connect, in milliseconds; the first is a tenth of a second. Default: 5000. */
  readonly longestPause?: number | undefined;
  /** Called each time that the state changes. What it throws is an uncaught exception. */
  readonly onStateChange?: ((change: BridgeChange) => void) | undefined;
  /** Closes the bridge when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link BridgeOptions} with every default filled in. */
export interface BridgeSettings {
  readonly from: BridgeSource;
  readonly to: BridgeTarget;
  readonly whenNobody: 'wait' | 'drop';
  readonly maxUnderWay: number;
  readonly maxBytesUnderWay: number;
  readonly takeOver: boolean;
  readonly once: boolean;
  readonly longestPause: number;
  readonly onStateChange: ((change: BridgeChange) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

const NAMES = [
  'from',
  'to',
  'allow',
  'whenNobody',
  'maxUnderWay',
  'maxBytesUnderWay',
  'takeOver',
  'once',
  'longestPause',
  'onStateChange',
  'signal',
] as const;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_FORBIDDEN`. */
export function checkBridgeOptions(options: BridgeOptions): BridgeSettings {
  const given = checkOptions(options, NAMES);
  const { from, to, allow, whenNobody = 'wait', onStateChange, signal } = given;
  checkEnd('from', from, 'createReceiver');
  checkEnd('to', to, 'createSender');
  if (whenNobody !== 'wait' && whenNobody !== 'drop') {
    throw invalidArgument('whenNobody', whenNobody, "'wait' or 'drop'");
  }
  if (onStateChange !== undefined && typeof onStateChange !== 'function') {
    throw invalidArgument('onStateChange', onStateChange, 'a function');
  }
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  if (allow !== undefined) checkAllowed(allow, [from.endpoint, to.endpoint]);
  const mebibyte = 1024 * 1024;
  return {
    from,
    to,
    whenNobody,
    onStateChange,
    signal,
    maxUnderWay: checkOptionalInteger('maxUnderWay', given.maxUnderWay, 64, 1),
    maxBytesUnderWay: checkOptionalInteger(
      'maxBytesUnderWay',
      given.maxBytesUnderWay,
      16 * mebibyte,
      1,
    ),
    takeOver: checkFlag('takeOver', given.takeOver),
    once: checkFlag('once', given.once),
    longestPause: checkOptionalInteger('longestPause', given.longestPause, 5000, 1, 2 ** 31 - 1),
  };
}

function checkEnd(argument: 'from' | 'to', end: unknown, call: string): void {
  const { transport, endpoint } = (end ?? {}) as Partial<BridgeSource & BridgeTarget>;
  const method: unknown = (transport as unknown as Record<string, unknown> | undefined)?.[call];
  if (typeof method !== 'function') {
    throw invalidArgument(argument, end, `an object with a transport that has ${call}`);
  }
  checkEndpoint(endpoint);
}

function checkAllowed(allow: unknown, endpoints: readonly string[]): void {
  if (!Array.isArray(allow) || !allow.every((pattern) => typeof pattern === 'string')) {
    throw invalidArgument('allow', allow, 'an array of endpoints');
  }
  for (const endpoint of endpoints) {
    if (allow.some((pattern) => matches(pattern, endpoint))) continue;
    throw new PageferryError(
      'ENDPOINT_FORBIDDEN',
      `${endpoint} may not be bridged: it is not among ${allow.join(', ') || 'those that may, which are none'}`,
      { argument: 'allow' },
    );
  }
}

/** Whether a pattern, in which `*` stands for any characters, is all of the text. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let rest = text.slice(first.length, text.length - last.length);
  for (const part of others) {
    const at = rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return true;
}
