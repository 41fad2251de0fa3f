import { existsSync } from 'node:fs';
import { type Delivery, isPageferryError, PageferryError, type Receiver } from '@pageferry/core';
import { openBestReceiver } from '@pageferry/doctor';
import { sharedMmap } from '@pageferry/shared-mmap';
import { type ParsedArguments, UsageError } from '../command/parse.js';
import { type CommandContext, type Run, STATUS } from '../command/spec.js';
import { OutputError } from '../recording/errors.js';
import { FlightRecorder } from '../recording/flight-recorder.js';
import { nowInNanoseconds, RecordingFile } from '../recording/recording-file.js';
import { limitsOf } from './limits.js';

/** Why a recording ends. */
type End = 'death' | 'stall' | 'end' | 'count' | 'asked';

const WORDS: Readonly<Record<End, string>> = {
  death: 'the sender has died',
  stall: 'no message has come for too long',
  end: 'the sender has closed',
  count: 'that is as many as were asked for',
  asked: 'ended',
};

/** `pageferry record`. */
export const run: Run = (parsed, context) => {
  const isFlight = parsed.has('last') || parsed.has('on');
  return isFlight ? recordFlight(parsed, context) : recordAll(parsed, context);
};

async function recordAll(parsed: ParsedArguments, context: CommandContext): Promise<number> {
  const { out, force } = outputOf(parsed);
  const [endpoint = ''] = parsed.positionals;
  const count = parsed.integer('count', Number.MAX_SAFE_INTEGER, 1);
  const { receiver, transport } = await openReceiver(parsed, context, parsed.has('drop'));
  try {
    const file = await RecordingFile.create(out, endpoint, force);
    const missed = new Gaps();
    try {
      const end = await follow(receiver, context, async ({ sequence, tag, bytes }) => {
        missed.note(sequence);
        await file.add({ sequence, tag, time: nowInNanoseconds(), bytes });
        return file.count < count;
      });
      await file.end({ transport, missed: String(missed.count), end });
      await report(parsed, context, { out, end, messages: file.count, missed: missed.count });
      return end === 'death' ? STATUS.failed : STATUS.done;
    } finally {
      await file.abandon();
    }
  } finally {
    await receiver.close();
  }
}

async function recordFlight(parsed: ParsedArguments, context: CommandContext): Promise<number> {
  const { out, force } = outputOf(parsed);
  const [endpoint = ''] = parsed.positionals;
  const last = parsed.integer('last', 1000, 1);
  const on = (parsed.text('on') ?? 'death,stall').split(',');
  const stallAfter = on.includes('stall')
    ? parsed.integer('stall-after', 5000, 1, 2 ** 31 - 1)
    : undefined;
  const kept = new FlightRecorder(last, parsed.integer('max-bytes', 256 * 1024 * 1024, 1));
  const { receiver, transport } = await openReceiver(parsed, context, true);
  let end: End;
  try {
    const keep = async ({ sequence, tag, bytes }: Delivery): Promise<boolean> => {
      kept.add({ sequence, tag, time: nowInNanoseconds(), bytes: Buffer.from(bytes) });
      return true;
    };
    end = await follow(receiver, context, keep, stallAfter);
  } finally {
    await receiver.close();
  }
  if (!on.includes(end)) {
    context.say(`${WORDS[end]}: nothing has happened, and nothing is written`);
    return STATUS.done;
  }
  const file = await RecordingFile.create(out, endpoint, force);
  try {
    const missed = new Gaps();
    for (const message of kept.messages()) {
      missed.note(message.sequence);
      await file.add(message);
    }
    await file.end({ transport, missed: String(missed.count), end });
    await report(parsed, context, { out, end, messages: file.count, missed: missed.count });
  } finally {
    await file.abandon();
  }
  return STATUS.done;
}

/** Takes messages until there is a reason to end. What a sender that has died had sent comes first. */
async function follow(
  receiver: Receiver,
  { signal }: CommandContext,
  take: (delivery: Delivery) => Promise<boolean>,
  stallAfter?: number,
): Promise<End> {
  let isArmed = false;
  for (;;) {
    let delivery: Delivery | undefined;
    try {
      const limits = stallAfter === undefined ? { signal } : { signal, timeout: stallAfter };
      delivery = await receiver.receive(limits);
    } catch (error) {
      if (signal.aborted) return 'asked';
      if (isPageferryError(error, 'PEER_DIED')) return 'death';
      if (!isPageferryError(error, 'TIMEOUT')) throw error;
      // Before the first message there is nothing that could stall.
      if (isArmed) return 'stall';
      continue;
    }
    if (delivery === undefined) return 'end';
    isArmed = true;
    try {
      if (!(await take(delivery))) return 'count';
    } finally {
      delivery.release();
    }
  }
}

async function openReceiver(
  parsed: ParsedArguments,
  { signal }: CommandContext,
  mayMiss: boolean,
): Promise<{ readonly receiver: Receiver; readonly transport: string }> {
  const [endpoint = ''] = parsed.positionals;
  const limits = { endpoint, ...limitsOf(parsed, signal) };
  if (!mayMiss) {
    const { receiver, name } = await openBestReceiver({ ...limits, warn: false });
    return { receiver, transport: name };
  }
  try {
    const receiver = await sharedMmap.createReceiver({ ...limits, whenBehind: 'drop-oldest' });
    return { receiver, transport: sharedMmap.name };
  } catch (error) {
    if (!isPageferryError(error, 'TRANSPORT_MISMATCH')) throw error;
    const words = `${error.message}: only shared-mmap has receivers that may miss messages`;
    throw new PageferryError('NOT_SUPPORTED', words);
  }
}

/** @throws `OutputError` for a file that is there, before anything is received; `UsageError` without one. */
function outputOf(parsed: ParsedArguments): { readonly out: string; readonly force: boolean } {
  const out = parsed.needed('out');
  const force = parsed.has('force');
  if (out === '') throw new UsageError('--out needs the name of a file');
  if (!force && existsSync(out)) {
    throw new OutputError(`${out} is there already; --force writes over it`);
  }
  return { out, force };
}

/** Counts numbers that are left out. */
class Gaps {
  #next: number | undefined;
  count = 0;

  note(sequence: number): void {
    if (this.#next !== undefined) this.count += Math.max(0, sequence - this.#next);
    this.#next = sequence + 1;
  }
}

interface Result {
  readonly out: string;
  readonly end: End;
  readonly messages: number;
  readonly missed: number;
}

async function report(
  parsed: ParsedArguments,
  { write, say }: CommandContext,
  result: Result,
): Promise<void> {
  if (parsed.has('json')) {
    await write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { out, end, messages, missed } = result;
  const gap = missed === 0 ? '' : `, ${missed} were missed`;
  say(`${WORDS[end]}: ${messages} messages in ${out}${gap}`);
}
