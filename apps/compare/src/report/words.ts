import {
  formatBytes,
  formatNanoseconds,
  formatNumber,
  formatShare,
  formatTimes,
} from '@pageferry/measuring/units';
import type { ScenarioName } from '../plan/scenarios.js';
import { scenarios } from '../plan/scenarios.js';
import { BOUNDS } from '../results/doubts.js';
import type { Result, Results } from '../results/results.js';
import { doubtsInWords } from './doubts-in-words.js';
import { nearest } from './figures.js';

/** Which backend fits which work on this machine: sentences, made from nothing but the results. */
export function inWords(results: Results): readonly string[] {
  const measured = results.results.filter(({ failure }) => failure === undefined);
  return [
    ...doubtsInWords(measured),
    ...bySize(measured),
    ...small(measured),
    ...roundTrips(measured),
    ...requests(measured),
    ...processorTime(measured),
    ...fanOut(measured),
    ...destinations(measured),
    ...passedOn(measured),
    ...across(measured),
    ...failures(results.results),
  ];
}

/** Ranges of sizes with the same winner. */
function bySize(measured: readonly Result[]): string[] {
  const rows = measured.filter(({ scenario }) => scenario === 'work');
  const sizes = [...new Set(rows.map(({ payloadBytes }) => payloadBytes))].sort((a, b) => a - b);
  const winners = sizes.flatMap((size) => {
    const best = fastest(betweenProcesses(rows.filter((row) => row.payloadBytes === size)));
    return best === undefined ? [] : [best];
  });
  const ranges: Result[][] = [];
  for (const winner of winners) {
    const last = ranges.at(-1);
    if (last?.[0]?.subject === winner.subject) last.push(winner);
    else ranges.push([winner]);
  }
  return ranges.map((range) => {
    const [first] = range as [Result];
    const size = nearest(range.map(({ payloadBytes }) => payloadBytes));
    const shown = range.find(({ payloadBytes }) => payloadBytes === size) ?? first;
    const only = winners.length === range.length && winners.length > 1 ? ' at every size' : '';
    return (
      `Where every byte is written and read, ${sizeRange(range, sizes)}, ` +
      `**${first.subject}** is the fastest between processes${only}: ` +
      `${formatNumber(shown.gibPerSecond?.median ?? 0)} GiB/s at ${formatBytes(shown.payloadBytes)}` +
      `${comparedWith(shown)}.`
    );
  });
}

function sizeRange(range: readonly Result[], sizes: readonly number[]): string {
  const first = (range[0] as Result).payloadBytes;
  const last = (range.at(-1) as Result).payloadBytes;
  if (first === last) return `at ${formatBytes(first)}`;
  if (first === sizes[0]) return `up to ${formatBytes(last)}`;
  if (last === sizes.at(-1)) return `from ${formatBytes(first)} on`;
  return `from ${formatBytes(first)} to ${formatBytes(last)}`;
}

function small(measured: readonly Result[]): string[] {
  const rows = measured.filter(({ scenario }) => scenario === 'handoff');
  const sizes = rows.map(({ payloadBytes }) => payloadBytes);
  const size = Math.min(...sizes);
  const largest = Math.max(...sizes);
  const best = fastest(betweenProcesses(rows.filter((row) => row.payloadBytes === size)));
  if (best === undefined) return [];
  const again = rows.find((row) => row.subject === best.subject && row.payloadBytes === largest);
  const time = formatNanoseconds(best.nsPerMessage?.median ?? 0);
  const grown =
    again === undefined || size === largest
      ? ''
      : `, and ${formatNanoseconds(again.nsPerMessage?.median ?? 0)} at ${formatBytes(largest)}`;
  return [
    `Handing over a message of ${formatBytes(size)} takes least with **${best.subject}**: ` +
      `${time}${comparedWith(best)}${grown}.`,
  ];
}

function roundTrips(measured: readonly Result[]): string[] {
  const all = measured.filter(({ scenario }) => scenario === 'rtt');
  const size = Math.min(...all.map(({ payloadBytes }) => payloadBytes));
  const rows = betweenProcesses(all.filter((row) => row.payloadBytes === size));
  const of = (waiting: string) => fastest(rows.filter(({ knobs }) => knobs['waiting'] === waiting));
  const spinning = of('spinning');
  const parked = of('parked');
  const parts = [
    spinning &&
      `${roundTripOf(spinning)} with **${spinning.subject}** while both sides poll${comparedWith(spinning)}`,
    parked &&
      `${roundTripOf(parked)} with **${parked.subject}** when both sides sleep until they are woken${comparedWith(parked)}`,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return [];
  return [`A round trip of ${formatBytes(size)} takes ${parts.join(', and ')}.`];
}

function roundTripOf({ rttNs }: Result): string {
  return `${formatNanoseconds(rttNs?.p50 ?? 0)} (one in a thousand more than ${formatNanoseconds(rttNs?.p999 ?? 0)})`;
}

function requests(measured: readonly Result[]): string[] {
  const all = betweenProcesses(measured.filter(({ scenario }) => scenario === 'request'));
  const size = Math.min(...all.map(({ payloadBytes }) => payloadBytes));
  const rows = all.filter(({ payloadBytes }) => payloadBytes === size);
  const counts = [...new Set(rows.map(({ knobs }) => Number(knobs['underWay'])))];
  const parts = counts
    .sort((a, b) => a - b)
    .flatMap((count) => {
      const best = fastest(rows.filter(({ knobs }) => knobs['underWay'] === count));
      if (best === undefined) return [];
      const pace = `, an answer every ${formatNanoseconds(best.nsPerMessage?.median ?? 0)},`;
      return [
        `${roundTripOf(best)}${count > 1 ? pace : ''} with **${best.subject}** while ` +
          `${count === 1 ? 'it is the only one' : `${count} are under way`}${comparedWith(best)}`,
      ];
    });
  if (parts.length === 0) return [];
  return [`A request of ${formatBytes(size)} is answered in ${parts.join(', and in ')}.`];
}

function processorTime(measured: readonly Result[]): string[] {
  const all = betweenProcesses(measured.filter(({ scenario }) => scenario === 'work'));
  const size = nearest(all.map(({ payloadBytes }) => payloadBytes));
  const rows = all
    .filter((row) => row.payloadBytes === size && row.cpuSecondsPerGib !== undefined)
    .sort((a, b) => cpu(a) - cpu(b));
  const [least] = rows;
  const node = rows.find(({ kind }) => kind === 'node');
  if (least === undefined || size === undefined) return [];
  const other =
    node === undefined || node === least
      ? ''
      : `; the thriftiest way of plain Node, ${node.subject}, takes ${formatNumber(cpu(node))}`;
  return [
    `Processor time is lowest with **${least.subject}**: ${formatNumber(cpu(least))} seconds for ` +
      `each GiB in messages of ${formatBytes(size)}${other}.`,
  ];
}

function fanOut(measured: readonly Result[]): string[] {
  const rows = betweenProcesses(measured.filter(({ scenario }) => scenario === 'fan-out'));
  const most = Math.max(...rows.map(({ knobs }) => Number(knobs['receivers'])));
  const best = fastest(rows.filter(({ knobs }) => knobs['receivers'] === most));
  if (best === undefined) return [];
  const rate = formatNumber(best.gibPerSecond?.median ?? 0);
  return [
    `With ${most} receivers of every message, **${best.subject}** brings them ${rate} GiB/s ` +
      `together${comparedWith(best)}.`,
  ];
}

function destinations(measured: readonly Result[]): string[] {
  const names: readonly ScenarioName[] = ['to-file', 'to-o-direct', 'to-tcp', 'to-unix'];
  const parts = names.flatMap((scenario) => {
    const best = fastest(betweenProcesses(measured.filter((row) => row.scenario === scenario)));
    if (best === undefined) return [];
    const where = lowerFirst(scenarios[scenario].title);
    return [
      `${where} with **${best.subject}** (${formatNumber(best.gibPerSecond?.median ?? 0)} GiB/s)`,
    ];
  });
  if (parts.length === 0) return [];
  return [`Payload that the receiver only passes on leaves it fastest ${list(parts)}.`];
}

function passedOn(measured: readonly Result[]): string[] {
  const rows = betweenProcesses(measured.filter(({ scenario }) => scenario === 'discard'));
  const size = nearest(rows.map(({ payloadBytes }) => payloadBytes));
  const best = fastest(rows.filter(({ payloadBytes }) => payloadBytes === size));
  if (best === undefined) return [];
  const rate = formatNumber(best.gibPerSecond?.median ?? 0);
  return [
    `**${best.subject}** passes messages of ${formatBytes(best.payloadBytes)} on to /dev/null at ` +
      `${rate} GiB/s${comparedWith(best)}. Where pages go by reference nobody reads a byte, so this ` +
      'is what passing pages on costs, and no rate for a program that looks at its data.',
  ];
}

function failures(results: readonly Result[]): string[] {
  const reasons = new Map<string, string>();
  for (const { subject, failure } of results) {
    if (failure === undefined) continue;
    const what = failure.kind === 'spoiled' ? 'lost or changed bytes' : failure.kind;
    reasons.set(subject, `**${subject}**: ${what} (${failure.reason})`);
  }
  return reasons.size === 0
    ? []
    : [`Without figures, in some cases or in all: ${list([...reasons.values()])}.`];
}

/** What the contract costs over NATS. */
function across(measured: readonly Result[]): string[] {
  const rows = measured.filter(
    ({ scenario, kind, ratioToBestNode }) =>
      scenario === 'across' && kind === 'pageferry' && ratioToBestNode !== undefined,
  );
  const size = nearest(rows.map(({ payloadBytes }) => payloadBytes));
  const row = rows.find(({ payloadBytes }) => payloadBytes === size);
  if (row === undefined) return [];
  return [
    `Across hosts, through a NATS server on this one, messages of ${formatBytes(row.payloadBytes)} go through ` +
      `**${row.subject}** ${formatTimes(row.ratioToBestNode ?? 0)} as fast as through the plain client with the same ` +
      `guarantees: ${formatNumber(row.gibPerSecond?.median ?? 0)} GiB/s.`,
  ];
}

/** Those that bring bytes to a thread of the same process. */
const TO_THREADS: readonly string[] = ['worker-transfer', 'worker-copy'];

/** Those that bring bytes from one process to another: what one would choose from. */
function betweenProcesses(rows: readonly Result[]): Result[] {
  return rows.filter(
    ({ kind, subject }) =>
      kind === 'pageferry' ||
      kind === 'node' ||
      (kind === 'other' && !TO_THREADS.includes(subject)),
  );
}

function fastest(rows: readonly Result[]): Result | undefined {
  return [...rows].sort((a, b) => speed(b) - speed(a))[0];
}

function speed({ rttNs, nsPerMessage }: Result): number {
  return 1 / (rttNs?.p50 ?? nsPerMessage?.median ?? Number.POSITIVE_INFINITY);
}

function cpu({ cpuSecondsPerGib }: Result): number {
  return cpuSecondsPerGib?.median ?? Number.POSITIVE_INFINITY;
}

function comparedWith({ kind, ratioToBestNode, ratioToLimit }: Result): string {
  const parts = [
    kind !== 'node' &&
      ratioToBestNode !== undefined &&
      `${formatTimes(ratioToBestNode)} as fast as the best of plain Node`,
    ratioToLimit !== undefined && comparedWithC(ratioToLimit),
  ].filter((part) => part !== false);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** Nothing is faster than its limit: then a share of it says nothing. */
function comparedWithC(ratio: number): string {
  return ratio > BOUNDS.ratioToLimit
    ? 'faster than C, which was held up or is no limit here'
    : `${formatShare(ratio)} of what C reaches`;
}

function list(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
