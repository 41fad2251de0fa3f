import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { isPageferryError, type Receiver, type Transport } from '@pageferry/core';
import { AUTOMATIC, type BackendChoice, openReceiver, type Servers } from './backends.js';
import { openDestination } from './destination.js';
import { QuietEnd } from './errors.js';
import type { Progress } from './progress.js';
import { type Span, startSpan } from './span.js';

/** What `demo receive` is told. */
export interface ReceiveOptions {
  /** A path, `-` for standard output, or `tcp://host:port`. Without it the bytes are hashed. */
  readonly out?: string | undefined;
  readonly backend: BackendChoice;
  readonly endpoint: string;
  /** Servers of a transport between hosts. */
  readonly servers?: Servers;
  /** How long to wait for a sender, in milliseconds. For ever by default. */
  readonly timeout?: number | undefined;
}

/** What `demo receive` found out. */
export interface ReceiveReport {
  readonly bytes: number;
  readonly span: Span;
  /** How often each byte was copied into or out of user memory in this process. */
  readonly userSpaceCopies: number;
  /** Digest of the bytes, where they were looked at. */
  readonly sha256?: string | undefined;
}

/** Receives one file from one sender. */
export async function receive(
  options: ReceiveOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReceiveReport> {
  return options.out === undefined
    ? look(options, progress, signal)
    : passOn(options.out, options, progress, signal);
}

/** Moves every message on to a descriptor: the bytes need not come into this process's memory. */
async function passOn(
  out: string,
  options: ReceiveOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReceiveReport> {
  await using destination = await openDestination(out, signal);
  const { receiver: connected } = await connect(options, progress, signal);
  await using receiver = connected;
  let bytes = 0;
  let userSpaceCopies = 0;
  const endSpan = startSpan();
  try {
    for (;;) {
      const moved = await receiver.spliceTo(destination.descriptor);
      if (moved === undefined) break; // The sender has closed, and everything is here.
      bytes += moved.byteLength;
      userSpaceCopies = Math.max(userSpaceCopies, moved.userSpaceCopies);
      progress.moved(bytes);
    }
  } catch (error) {
    const closed = isPageferryError(error, 'SYSTEM_CALL_FAILED') && error.errnoName === 'EPIPE';
    // `demo receive --out - | head -c 1` is no failure of ours.
    if (closed && out === '-') throw new QuietEnd('output closed', 128 + constants.signals.SIGPIPE);
    throw error;
  } finally {
    progress.stop();
  }
  const span = endSpan();
  await destination.finish();
  return { bytes, span, userSpaceCopies };
}

/** Looks at every message in memory: what a receiver does that has a use for the bytes. */
async function look(
  options: ReceiveOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReceiveReport> {
  const { receiver: connected, transport } = await connect(options, progress, signal);
  await using receiver = connected;
  const hash = createHash('sha256');
  let bytes = 0;
  const endSpan = startSpan();
  try {
    for (;;) {
      using delivery = await receiver.receive();
      if (delivery === undefined) break;
      hash.update(delivery.bytes);
      bytes += delivery.byteLength;
      progress.moved(bytes);
    }
  } finally {
    progress.stop();
  }
  const userSpaceCopies = transport.capabilities.zeroCopyReceive ? 0 : 1;
  return {
    bytes,
    span: endSpan(),
    userSpaceCopies,
    sha256: hash.digest('hex'),
  };
}

async function connect(
  options: ReceiveOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ readonly receiver: Receiver; readonly transport: Transport }> {
  const { backend, endpoint, timeout, servers } = options;
  const over = backend === AUTOMATIC ? 'over what it chooses' : `over ${backend}`;
  progress.note(`Waiting for a sender at ${endpoint}, ${over}`);
  const way = { endpoint, signal, timeout };
  const { receiver, transport, name } = await openReceiver(backend, way, servers);
  // Ends whatever waits. One listener costs less than a signal with every message.
  signal.addEventListener('abort', () => void receiver.close());
  progress.note(backend === AUTOMATIC ? `Receiving over ${name}` : 'Receiving');
  progress.start(undefined);
  return { receiver, transport };
}
