import type { Delivery } from '@pageferry/core';
import { openBestReceiver } from '@pageferry/doctor';
import { type ParsedArguments, UsageError } from '../command/parse.js';
import { type Run, STATUS } from '../command/spec.js';
import { hexdump } from '../text/hexdump.js';
import { limitsOf } from './limits.js';

/** `pageferry receive`. */
export const run: Run = async (parsed, { signal, write }) => {
  const [endpoint = ''] = parsed.positionals;
  const count = parsed.integer('count', Number.MAX_SAFE_INTEGER, 1);
  const form = formOf(parsed);
  const limits = limitsOf(parsed, signal);
  const { receiver } = await openBestReceiver({ endpoint, warn: false, ...limits });
  try {
    for (let received = 0; received < count && !signal.aborted; received++) {
      const delivery = await receiver.receive({ signal });
      if (delivery === undefined) break;
      // The output reads its bytes until they are written.
      for (const part of form(delivery)) await write(part);
      // What is not written by then may be read still: its bytes stay there when the receiver is closed.
      if (!signal.aborted) delivery.release();
    }
    return signal.aborted ? STATUS.failed : STATUS.done;
  } finally {
    await receiver.close();
  }
};

/** What is written of a message. */
type Form = (delivery: Delivery) => readonly (string | Uint8Array)[];

const FORMS: Readonly<Record<string, Form>> = {
  json: ({ sequence, tag, byteLength, bytes }) => {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    return [`${JSON.stringify({ sequence, tag, byteLength, data })}\n`];
  },
  hex: ({ sequence, tag, byteLength, bytes }) => {
    const head = `#${sequence}  ${byteLength} bytes${tag === 0 ? '' : `  tag ${tag}`}\n`;
    return byteLength === 0 ? [head] : [head, `${hexdump(bytes)}\n`];
  },
  lines: ({ bytes }) => [bytes, '\n'],
};

function formOf(parsed: ParsedArguments): Form {
  const asked = Object.keys(FORMS).filter((name) => parsed.has(name));
  if (asked.length > 1) throw new UsageError(`--${asked.join(' or --')}, not both`);
  return FORMS[asked[0] ?? ''] ?? (({ bytes }) => [bytes]);
}
