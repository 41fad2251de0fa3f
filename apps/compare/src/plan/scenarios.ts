/** What is compared. Every subject does the same work in a scenario. */
export interface Scenario {
  /** A short heading. */
  readonly title: string;
  /** One sentence: what the sender and the receiver do. */
  readonly work: string;
}

/** All scenarios by the names that users type. */
export const scenarios = {
  handoff: {
    title: 'Handing over',
    work: 'The sender touches one byte of each message, the receiver one byte: what moving ownership costs.',
  },
  work: {
    title: 'Writing and reading every byte',
    work: 'The sender writes every byte of each message, the receiver scans every byte once.',
  },
  discard: {
    title: 'To /dev/null',
    work: 'The receiver moves each message on to /dev/null. Where pages go by reference, nobody ever reads the bytes.',
  },
  rtt: {
    title: 'Round trips',
    work: 'One message there and one of the same size back, one after the other; each side touches one byte.',
  },
  request: {
    title: 'Requests',
    work: 'A question there and an answer of the same size back, with one or several under way; each side touches one byte.',
  },
  'fan-out': {
    title: 'Several receivers',
    work: 'The sender writes every byte of each message, and every receiver scans every byte once.',
  },
  'to-file': {
    title: 'Into a file',
    work: 'The receiver moves each message on to a file in the page cache.',
  },
  'to-o-direct': {
    title: 'Into a file past the page cache',
    work: 'The receiver moves each message on to a file opened with O_DIRECT.',
  },
  'to-tcp': {
    title: 'To a TCP connection',
    work: 'The receiver moves each message on to a loopback TCP connection, which a third process drains.',
  },
  'to-unix': {
    title: 'To a Unix socket',
    work: 'The receiver moves each message on to a Unix socket, which a third process drains.',
  },
  across: {
    title: 'Across hosts',
    work: 'As writing and reading every byte, through a NATS server that keeps each message on disk until it is acknowledged.',
  },
} as const satisfies Record<string, Scenario>;

/** The name of a scenario, as users type it. */
export type ScenarioName = keyof typeof scenarios;

/** All of them, in the order in which they run and are shown. */
export const scenarioNames = Object.keys(scenarios) as readonly ScenarioName[];

/** Scenarios in which the receiver moves messages on without looking at them. */
const MOVING: readonly ScenarioName[] = ['discard', 'to-file', 'to-o-direct', 'to-tcp', 'to-unix'];

/** True if the receiver answers each message with one of the same size. */
export function isAnswered(scenario: ScenarioName): boolean {
  return scenario === 'rtt' || scenario === 'request';
}

/** True if the receiver moves messages on to a descriptor. */
export function movesOn(scenario: ScenarioName): boolean {
  return MOVING.includes(scenario);
}
