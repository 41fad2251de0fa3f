import type { InspectedPeer } from '@pageferry/core';
import { whose } from '../commands/list.js';
import type { History } from '../look/history.js';
import { behindOf, type Look } from '../look/look.js';
import {
  bytesInWords,
  countInWords,
  cut,
  printable,
  rateInWords,
  sparkline,
} from '../text/format.js';
import { type Column, headOf, rowOf } from '../text/table.js';
import { wrapped } from '../text/wrap.js';

/** 78 columns, and two for the mark of the chosen one. */
const COLUMNS: readonly Column[] = [
  { name: 'NAME', width: 15 },
  { name: 'MSG/S', width: 6, isNumber: true },
  { name: 'HISTORY', width: 20 },
  { name: 'BYTES/S', width: 9, isNumber: true },
  { name: 'PEERS', width: 5, isNumber: true },
  { name: 'BEHIND', width: 6, isNumber: true },
  { name: 'WHOSE', width: 11 },
];

const PEER_COLUMNS: readonly Column[] = [
  { name: 'PEER', width: 6, isNumber: true },
  { name: 'PID', width: 8, isNumber: true },
  { name: 'BEHIND', width: 8, isNumber: true },
  { name: 'BYTES', width: 10, isNumber: true },
  { name: 'DROPPED', width: 8, isNumber: true },
  { name: 'WHEN BEHIND', width: 12 },
];

/** What the endpoints can be sorted by, each from its first to its last. */
const ORDERS: readonly (readonly [name: string, (one: Look, other: Look) => number])[] = [
  ['name', (one, other) => one.name.localeCompare(other.name)],
  ['rate', (one, other) => (other.messagesPerSecond ?? -1) - (one.messagesPerSecond ?? -1)],
  ['behind', (one, other) => (behindOf(other) ?? -1) - (behindOf(one) ?? -1)],
];

/** What `top` shows, and how keys change it. */
export class View {
  readonly #history: History;
  #looks: readonly Look[] | undefined;
  #order = 0;
  #chosen: string | undefined;
  #isStopped = false;

  constructor(history: History) {
    this.#history = history;
  }

  /** Takes in what was seen. It is shown unless the view is stopped. */
  update(looks: readonly Look[]): void {
    this.#history.add(looks);
    if (!this.#isStopped) this.#looks = looks;
  }

  /** A key was pressed. False if it ends the command. */
  press(key: string): boolean {
    if (key === 'q') return false;
    if (key === 's') this.#order = (this.#order + 1) % ORDERS.length;
    if (key === 'space') this.#isStopped = !this.#isStopped;
    if (key === 'up' || key === 'k') this.#move(-1);
    if (key === 'down' || key === 'j') this.#move(1);
    return true;
  }

  /** All of it, in lines that fit. */
  lines(columns: number, rows: number): readonly string[] {
    const looks = this.#sorted();
    const chosen = this.#chosenOf(looks);
    const details = chosen === undefined ? [] : detailsOf(chosen, columns);
    // The chosen one has at most half of the screen.
    const below = details.slice(0, Math.floor(rows / 2) - 1);
    const above = rows - 3 - below.length;
    const at = chosen === undefined ? 0 : looks.indexOf(chosen);
    const first = Math.max(0, at - above + 1);
    const lines = [
      this.#title(looks),
      `  ${headOf(COLUMNS)}`,
      ...looks.slice(first, first + above).map((look) => this.#row(look, look === chosen)),
      ...(below.length === 0 ? [] : ['', ...below]),
    ];
    return lines.map((line) => cut(line, columns));
  }

  #title(looks: readonly Look[]): string {
    if (this.#looks === undefined) return 'pageferry top: looking …';
    const order = ORDERS[this.#order]?.[0];
    const stopped = this.#isStopped ? ', stopped' : '';
    return `pageferry top: ${looks.length} open, by ${order}${stopped}    q end  s sort  space stop  j/k choose`;
  }

  #row(look: Look, isChosen: boolean): string {
    const { name, state, report, messagesPerSecond, bytesPerSecond } = look;
    const behind = behindOf(look);
    const cells = [
      name,
      rateInWords(messagesPerSecond),
      report === undefined ? WORDS[state] : sparkline(this.#history.of(name)),
      bytesPerSecond === undefined ? '-' : bytesInWords(bytesPerSecond),
      report === undefined ? '-' : String(report.peerCount),
      behind === undefined ? '-' : countInWords(behind),
      whose(look),
    ];
    return `${isChosen ? '>' : ' '} ${rowOf(COLUMNS, cells)}`;
  }

  #sorted(): readonly Look[] {
    const [, compare] = ORDERS[this.#order] as (typeof ORDERS)[number];
    return [...(this.#looks ?? [])].sort(compare);
  }

  /** The one that was chosen, or the first if that is gone. */
  #chosenOf(looks: readonly Look[]): Look | undefined {
    return looks.find(({ name }) => name === this.#chosen) ?? looks[0];
  }

  #move(step: number): void {
    const looks = this.#sorted();
    const chosen = this.#chosenOf(looks);
    if (chosen === undefined) return;
    const to = Math.min(looks.length - 1, Math.max(0, looks.indexOf(chosen) + step));
    this.#chosen = looks[to]?.name;
  }
}

const WORDS: Readonly<Record<Look['state'], string>> = {
  open: '',
  untold: 'not told',
  silent: 'does not answer',
  closed: 'nobody listens',
  unknown: 'not told',
};

/** Who holds whom up at one endpoint. */
function detailsOf({ name, transport, report, why }: Look, columns: number): readonly string[] {
  const head = `${printable(name)}${transport === undefined ? '' : `, ${transport}`}`;
  if (report === undefined) {
    return [head, ...wrapped('', printable(why ?? ''), 2, columns).split('\n')];
  }
  const { waitsFor, peers, counters } = report;
  const sent = `${countInWords(counters.messagesSent)} messages sent, ${bytesInWords(counters.bytesOut)} out`;
  const waits = waitsFor.flatMap((each) =>
    wrapped('  waits: ', printable(each), 9, columns).split('\n'),
  );
  const furthest = peers.toSorted((one, other) => behind(other) - behind(one));
  return [
    `${head}: ${sent}`,
    ...waits,
    ...(peers.length === 0 ? [] : [`  ${headOf(PEER_COLUMNS)}`]),
    ...furthest.map((peer) => `  ${rowOf(PEER_COLUMNS, cellsOf(peer))}`),
  ];
}

function behind({ messagesBehind = 0 }: InspectedPeer): number {
  return messagesBehind;
}

function cellsOf(peer: InspectedPeer): readonly string[] {
  const { id, pid, messagesBehind, bytesBehind, messagesDropped, whenBehind } = peer;
  const count = (value: number | undefined) => (value === undefined ? '-' : countInWords(value));
  return [
    id === undefined ? '-' : String(id),
    pid === undefined ? '-' : String(pid),
    count(messagesBehind),
    bytesBehind === undefined ? '-' : bytesInWords(bytesBehind),
    count(messagesDropped),
    whenBehind ?? '-',
  ];
}
