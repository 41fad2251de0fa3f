import { counted } from '@pageferry/core';
import type { AnswerReport } from './answer.js';
import type { AskReport } from './ask.js';
import { exchangeInWords } from './exchange.js';
import type { ReceiveReport } from './receive.js';
import type { SendReport } from './send.js';
import type { Span } from './span.js';
import { print } from './stdout.js';
import { formatBytes, GIBIBYTE, ratio } from './units.js';

/** Tells people what one sender did. On stderr, as all words are. */
export function tellSent({ bytes, span, method, methodReason, userSpaceCopies }: SendReport): void {
  const reason = methodReason === undefined ? '' : `; ${methodReason}`;
  console.error(`Sent ${speed(bytes, span)}, ${copies(userSpaceCopies)} (${method}${reason})`);
}

/** Tells people what one receiver did. A digest goes to stdout, in the format of sha256sum(1). */
export async function tellReceived({
  bytes,
  span,
  userSpaceCopies,
  sha256,
}: ReceiveReport): Promise<void> {
  if (sha256 !== undefined) await print(`${sha256}  -`);
  console.error(`Received ${speed(bytes, span)}, ${copies(userSpaceCopies)}`);
}

/** Tells people what one asker did. */
export function tellAsked({ questions, ...exchange }: AskReport): void {
  const which = questions > 1 ? ' each (median)' : '';
  const how = questions === 0 ? '' : `: ${exchangeInWords(exchange, which)}`;
  console.error(`Asked ${counted(questions, 'question')}${how}`);
}

/** Tells people what one listener did. */
export function tellAnswered(report: AnswerReport): void {
  console.error(answeredInWords(report));
}

/** What one listener did, in a line. */
export function answeredInWords({ questions, askers }: AnswerReport): string {
  const whose = counted(askers, 'process', 'processes');
  return `Answered ${counted(questions, 'question')} of ${whose}`;
}

function speed(bytes: number, { startedAt, endedAt }: Span): string {
  const seconds = endedAt - startedAt;
  const rate = ratio(bytes / GIBIBYTE, seconds).toFixed(2);
  return `${formatBytes(bytes)} in ${seconds.toFixed(3)} s, ${rate} GiB/s`;
}

function copies(count: number): string {
  if (count === 0) return 'not copied in user memory here';
  return `copied ${count === 1 ? 'once' : `${count} times`} in user memory here`;
}
