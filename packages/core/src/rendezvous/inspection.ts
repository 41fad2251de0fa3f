/**
 * The inspection: a hello whose mechanism is {@link INSPECTION}. Whoever answers sends a welcome with the name of its own
 * mechanism, then one JSON text ({@link Inspection}), and hangs up. Nobody becomes a receiver by it. Who does not know it
 * refuses it as it does every other mechanism, and says by that which one is its own.
 */
import type { InspectedPeer, Inspection } from '../contract/inspection.js';
import { clock } from '../waiting/clock.js';
import { encodeHello, HELLO_KIND } from './hello.js';

/** The name of the mechanism in such a hello. */
export const INSPECTION = 'inspection';

/** How many peers a report has. More would not fit into what a socket holds. */
export const MAX_INSPECTED_PEERS = 100;

/** The longest report that anybody reads, in bytes. */
export const MAX_INSPECTION_BYTES = 256 * 1024;

/** How much goes into one record of a socket that keeps boundaries. */
const PART_BYTES = 16 * 1024;

/** The longest text of a report, in characters: words of a wait may name every receiver there is. */
const MAX_TEXT = 500;

/**
 * Answers inspections. The report is made once in a turn of the event loop, however many ask in it: who asks again and
 * again takes up little of the sender's time.
 */
export class InspectionAnswer {
  readonly #mechanism: string;
  readonly #report: () => Inspection;
  #made: readonly Buffer[] | undefined;

  /**
   * @param mechanism of who answers.
   * @param report makes it anew.
   */
  constructor(mechanism: string, report: () => Inspection) {
    this.#mechanism = mechanism;
    this.#report = report;
  }

  /** What to send, one after the other, before hanging up. */
  parts(): readonly Buffer[] {
    if (this.#made === undefined) {
      const text = Buffer.from(JSON.stringify(shortened(this.#report())));
      const parts = [encodeHello(HELLO_KIND.welcome, this.#mechanism)];
      for (let at = 0; at < text.length; at += PART_BYTES) {
        parts.push(text.subarray(at, at + PART_BYTES));
      }
      this.#made = parts;
      clock
        .setImmediate(() => {
          this.#made = undefined;
        })
        .unref();
    }
    return this.#made;
  }
}

/** Not more than fits, and the most important of it. */
function shortened(report: Inspection): Inspection {
  const { peers, waitsFor } = report;
  const behind = ({ messagesBehind = 0 }: InspectedPeer): number => messagesBehind;
  const kept =
    peers.length <= MAX_INSPECTED_PEERS
      ? peers
      : peers.toSorted((one, other) => behind(other) - behind(one)).slice(0, MAX_INSPECTED_PEERS);
  return { ...report, waitsFor: waitsFor.map((each) => each.slice(0, MAX_TEXT)), peers: kept };
}

/**
 * Reads a report that came from another process.
 *
 * @returns `undefined` if it is none, or not whole. What it has besides the fields of {@link Inspection} is left out.
 */
export function decodeInspection(text: string): Inspection | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const found = fieldsOf(value);
  const { schema, side, endpoint, pid, at, peerCount, counters, peers, waitsFor } = found;
  if (schema !== 1 || (side !== 'sender' && side !== 'listener')) return undefined;
  if (typeof endpoint !== 'string' || !isCount(pid) || !isCount(at) || !isCount(peerCount)) {
    return undefined;
  }
  const numbers = numbersOf(fieldsOf(counters), COUNTERS);
  if (!NEEDED.every((name) => name in numbers)) return undefined;
  if (!Array.isArray(peers) || !Array.isArray(waitsFor)) return undefined;
  return {
    schema,
    side,
    endpoint: endpoint.slice(0, MAX_TEXT),
    pid,
    at,
    counters: numbers as unknown as Inspection['counters'],
    waitsFor: waitsFor.filter((each) => typeof each === 'string'),
    peerCount,
    peers: peers.slice(0, MAX_INSPECTED_PEERS).map((each) => peerOf(fieldsOf(each))),
  };
}

const NEEDED = ['messagesSent', 'bytesSent', 'loansHeld', 'bytesOut', 'sharedBytes'] as const;
const COUNTERS = [
  ...NEEDED,
  'connectionsFailed',
  'messagesReceived',
  'bytesReceived',
  'requestsOpen',
];
const PEER_NUMBERS = [
  'id',
  'pid',
  'uid',
  'messagesBehind',
  'bytesBehind',
  'messagesDropped',
  'messagesReceived',
  'messagesSent',
];

function peerOf(fields: Fields): InspectedPeer {
  const { whenBehind } = fields;
  const numbers = numbersOf(fields, PEER_NUMBERS);
  return typeof whenBehind === 'string'
    ? { ...numbers, whenBehind: whenBehind.slice(0, MAX_TEXT) }
    : numbers;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function numbersOf(fields: Fields, names: readonly string[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of names) {
    const value = fields[name];
    if (isCount(value)) found[name] = value;
  }
  return found;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
