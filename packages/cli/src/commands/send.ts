import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Sender } from '@pageferry/core';
import { openBestSender } from '@pageferry/doctor';
import { type ParsedArguments, UsageError } from '../command/parse.js';
import { type Run, STATUS } from '../command/spec.js';
import { linesOf } from '../text/lines.js';
import { limitsOf } from './limits.js';

/** What is sent as one message. */
type Message = Uint8Array;

/** `pageferry send`. */
export const run: Run = async (parsed, { signal, write, say }) => {
  const [endpoint = '', ...files] = parsed.positionals;
  const tag = parsed.integer('tag', 0, 0, 2 ** 32 - 1);
  const repeat = parsed.integer('repeat', 1, 1);
  const receivers = parsed.integer('receivers', 1, 0);
  const limits = limitsOf(parsed, signal);
  if (parsed.has('text') && files.length > 0) throw new UsageError('--text or files, not both');
  const isStream = !parsed.has('text') && files.length === 0;
  if (isStream && repeat > 1) throw new UsageError('what is read once cannot be sent again');
  const transport = parsed.text('transport');
  const prefer = transport === undefined ? {} : { prefer: [transport as never] };
  const { sender, name } = await openBestSender({ endpoint, warn: false, ...prefer });
  try {
    if (transport !== undefined && name !== transport) {
      say(`${transport} cannot be used here; ${name} is used`);
    }
    await sender.waitForReceivers(receivers, limits);
    for (let round = 0; round < repeat; round++) {
      for await (const message of messages(parsed, files, signal)) {
        if (signal.aborted) throw signal.reason;
        await sendOne(sender, message, tag, signal);
      }
    }
    const { messagesSent, bytesSent } = sender.stats();
    await sender.close(limits);
    if (parsed.has('json')) {
      const sent = { transport: name, messagesSent, bytesSent };
      await write(`${JSON.stringify(sent)}\n`);
    }
    return STATUS.done;
  } finally {
    await sender.destroy();
  }
};

/** Waits for the next receiver where the last one has left. */
async function sendOne(
  sender: Sender,
  message: Message,
  tag: number,
  signal: AbortSignal,
): Promise<void> {
  while ((await sender.send(message, { tag, signal })) === 'no-receiver') {
    await sender.waitForReceivers(1, { signal });
  }
}

async function* messages(
  parsed: ParsedArguments,
  files: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const text = parsed.text('text');
  if (text !== undefined) {
    yield Buffer.from(text);
    return;
  }
  const inputs: (() => Readable)[] =
    files.length === 0 ? [() => process.stdin] : files.map((file) => () => createReadStream(file));
  for (const open of inputs) {
    // Whoever types, or a program that goes on writing, may never come to an end.
    const input = addAbortSignal(signal, open());
    if (parsed.has('lines')) yield* linesOf(input);
    else yield await buffer(input);
  }
}
