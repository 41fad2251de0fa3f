import type { Sender } from '@pageferry/core';
import { type BackendChoice, openSender, type Servers, senderCopies } from './backends.js';
import { DemoError } from './errors.js';
import type { Progress } from './progress.js';
import { openSource, type Source } from './source.js';
import { type Span, startSpan } from './span.js';

/** What `demo send` is told. */
export interface SendOptions {
  /** A path, or `-` for standard input. */
  readonly file: string;
  readonly backend: BackendChoice;
  readonly endpoint: string;
  /** Servers of a transport between hosts. */
  readonly servers?: Servers;
  /** How long to wait for a receiver, in milliseconds. For ever by default. */
  readonly timeout?: number | undefined;
  /** The file is sent in messages of this size. */
  readonly messageBytes: number;
}

/** What `demo send` found out. */
export interface SendReport {
  /** The backend that it used. */
  readonly backend: string;
  /** Why that one, where the user did not choose it. */
  readonly reasons: readonly string[];
  readonly bytes: number;
  readonly span: Span;
  /** How the bytes left this process: `shared-memory`, `vmsplice`, or a lesser way and its reason. */
  readonly method: string;
  readonly methodReason?: string | undefined;
  /** How often each byte was copied between the loan and the kernel. */
  readonly userSpaceCopies: number;
}

/** Sends one file to one receiver. */
export async function send(
  options: SendOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<SendReport> {
  const { backend, endpoint, timeout, servers } = options;
  await using source = await openSource(options.file, signal);
  const only = { endpoint, maxReceivers: 1 };
  const { sender, name, reasons } = await openSender(backend, only, servers);
  // Ends whatever waits. One listener costs less than a signal with every message.
  signal.addEventListener('abort', () => void sender.destroy());
  try {
    for (const reason of reasons) progress.note(reason);
    progress.note(`Waiting for a receiver at ${endpoint}, over ${name}`);
    await sender.waitForReceivers(1, { signal, timeout });
    const pid = sender.receivers[0]?.credentials?.pid;
    progress.note(pid === undefined ? 'Sending' : `Sending to process ${pid}`);
    progress.start(source.byteLength);
    const report = await ferry(source, sender, options.messageBytes, progress);
    await sender.close();
    return { backend: name, reasons, ...report };
  } catch (error) {
    // Not `close`: the receiver would take what it has for the whole file.
    await sender.destroy();
    throw error;
  } finally {
    progress.stop();
  }
}

async function ferry(
  source: Source,
  sender: Sender,
  messageBytes: number,
  progress: Progress,
): Promise<Omit<SendReport, 'backend' | 'reasons'>> {
  const receiver = sender.receivers[0]?.id;
  let bytes = 0;
  const checkReceiver = () => {
    // Another one may have connected since: it must not get a file without a beginning.
    if (receiver !== undefined && sender.receivers[0]?.id === receiver) return;
    throw receiverLeft();
  };

  const endSpan = startSpan();
  for (;;) {
    using loan = await sender.loan(messageBytes);
    const length = await source.readInto(loan.bytes);
    if (length === 0) break; // The loan goes back unsent at the end of its block.
    loan.truncate(length);
    checkReceiver();
    if ((await loan.send()) !== 'sent') throw receiverLeft();
    bytes += length;
    progress.moved(bytes);
  }
  checkWhole(bytes, source.byteLength);
  await sender.flush();
  checkReceiver();
  const span = endSpan();

  const { method, methodReason } = sender.stats();
  return {
    bytes,
    span,
    method,
    methodReason,
    userSpaceCopies: senderCopies(method),
  };
}

/** A part of a file must not pass for the whole. */
function checkWhole(bytes: number, expected: number | undefined): void {
  if (expected === undefined || bytes >= expected) return;
  const words = `the file shrank while it was sent: ${bytes} of ${expected} bytes were left`;
  throw new DemoError('FILE_SHRANK', words);
}

function receiverLeft(): DemoError {
  return new DemoError('PEER_DIED', 'the receiver left before it had everything');
}
