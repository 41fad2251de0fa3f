import { pauseFor } from '@pageferry/core';
import { type Run, STATUS } from '../command/spec.js';
import { findEndpoints } from '../look/endpoints.js';
import { toJson } from '../look/json.js';
import { behindOf, type Look, Looker } from '../look/look.js';
import { bytesInWords, countInWords, printable, rateInWords } from '../text/format.js';
import { type Column, headOf, rowOf } from '../text/table.js';

/** 80 columns in all. */
export const COLUMNS: readonly Column[] = [
  { name: 'NAME', width: 17 },
  { name: 'TRANSPORT', width: 11 },
  { name: 'KIND', width: 4 },
  { name: 'PEERS', width: 5, isNumber: true },
  { name: 'MSG/S', width: 6, isNumber: true },
  { name: 'BYTES/S', width: 9, isNumber: true },
  { name: 'BEHIND', width: 6, isNumber: true },
  { name: 'WHOSE', width: 15 },
];

/** `pageferry list`. */
export const run: Run = async (parsed, { write, say, signal }) => {
  const found = findEndpoints(parsed.positionals);
  const time = parsed.number('for', 250);
  const looker = new Looker(parsed.number('timeout', 1000, 1));
  if (parsed.has('names')) {
    await write(found.map(({ name }) => `${printable(name)}\n`).join(''));
    return STATUS.done;
  }
  let looks = await looker.look(found, signal);
  if (time > 0 && looks.some(({ state }) => state === 'open')) {
    await pauseFor(time, signal);
    looks = await looker.look(found, signal);
  }
  // A file that somebody has left behind is news only to who has asked for it.
  const shown = looks.filter(
    ({ state }, index) => state !== 'closed' || found[index]?.isAskedFor === true,
  );
  if (parsed.has('json')) await write(`${JSON.stringify(shown.map(toJson), null, 2)}\n`);
  else if (shown.length === 0) say('nothing is open');
  else await write(`${[headOf(COLUMNS), ...shown.map(toRow)].join('\n')}\n`);
  return shown.some(({ state }) => state === 'closed') ? STATUS.failed : STATUS.done;
};

/** An endpoint as a line of the table. */
export function toRow(look: Look): string {
  return rowOf(COLUMNS, cellsOf(look));
}

function cellsOf(look: Look): readonly string[] {
  const { name, state, transport, side, report, messagesPerSecond, bytesPerSecond } = look;
  if (state === 'closed') return [name, '', '', '', '', '', '', 'nobody listens'];
  if (transport === undefined) {
    return [name, '', '', '', '', '', '', state === 'silent' ? 'does not answer' : 'not told'];
  }
  const behind = behindOf(look);
  return [
    name,
    transport,
    side === 'listener' ? 'chan' : 'send',
    report === undefined ? '?' : String(report.peerCount),
    rateInWords(messagesPerSecond),
    bytesPerSecond === undefined ? '-' : bytesInWords(bytesPerSecond),
    behind === undefined ? '-' : countInWords(behind),
    whose(look),
  ];
}

/** The process, and what it is called: the program that Node runs rather than Node, and no paths. */
export function whose({ pid, command }: Look): string {
  if (pid === undefined) return '-';
  const words = (command ?? '').split(' ').map((word) => word.slice(word.lastIndexOf('/') + 1));
  // What Node runs is the first that is no option of its own.
  const own = words.findIndex((word, index) => index > 0 && !word.startsWith('-'));
  const program = words[0] === 'node' && own > 0 ? words.slice(own) : words;
  return `${pid} ${program.join(' ')}`.trimEnd();
}
