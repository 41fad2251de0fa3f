import { runProtocolLimit, runSharedLimit } from '@pageferry/measuring/limits';
import { runChannel, runPingPong, runTransport, type Unplaced } from './trials.js';
import type { Channel, Trial, Way, Workload } from './workload.js';

/** What the benchmark asks: each is a table of its own. */
export type Question = 'hand-off' | 'depth' | 'copy' | 'round trip' | 'fan-out';

/** Every question. */
export const questions: readonly Question[] = [
  'hand-off',
  'depth',
  'copy',
  'round trip',
  'fan-out',
];

/** Something that is measured once a round. */
export interface Measurement {
  readonly question: Question;
  /** What is done: rows with the same one are compared. */
  readonly task: string;
  readonly subject: string;
  /** How many messages or round trips a trial has. */
  readonly count: number;
  readonly run: () => Promise<Trial>;
}

/** What is measured, and with what. */
export interface Plan {
  /** `module#export` of the transport. */
  readonly transport: string;
  /** Whether the C program is there to compare with. */
  readonly inC: boolean;
  /** Whether the client in C is, which speaks the protocol of the transport. */
  readonly protocolInC: boolean;
  /** Whether the transport has channels, and so requests. */
  readonly hasChannels: boolean;
  readonly sizes: readonly number[];
  /** Messages in a trial of hand-offs; the other trials are derived from it. */
  readonly count: number;
}

/** The C program, wherever it is a subject: its sides may sleep, as those of the transport may. */
export const LIMIT = 'C';

/** The same without a thought of sleep. */
export const LIMIT_POLLING = 'C that never sleeps';

/** The client in C, which speaks the protocol of the transport. */
export const PROTOCOL = 'C, the same protocol';
export const PROTOCOL_ONE_BY_ONE = 'C, the same protocol, one thing after the other';

/** The ways of the transport, as subjects. */
export const WAYS: Readonly<Record<Way, string>> = {
  try: 'tryReceive',
  'for-await': 'for await',
  many: 'receiveMany(64)',
};

/** Node's own channels, as subjects. */
export const CHANNELS: Readonly<Record<Channel, string>> = {
  stdio: 'stdio of a child',
  socket: 'Unix socket',
  advanced: "child_process, 'advanced'",
};

/** Subjects and tasks that the ratios are about. */
export const TRANSPORT = 'transport';
export const ONE_BY_ONE = 'transport, one thing after the other';
export const REQUEST = 'request over one channel';
export const REQUEST_ONE_BY_ONE = 'request, one thing after the other';
export const AWAITED_REQUEST = 'request that is awaited';
export const SPINNING = 'both polling';
export const PARKED = 'both asleep';

/**
 * Messages before the clock starts, to each one that is measured. V8 compiles the loops for half a
 * second, on the very processors that the two sides need.
 */
const WARM_UPS = 3;

/**
 * How many messages there is room for, whatever their size: what varies is the size alone. In a pool of
 * so many bytes the large ones would be few, and the two sides would wait for each other.
 */
const UNDER_WAY = 64;

/** No pool is larger: of messages above 16 MiB fewer have room. */
const MOST_POOL_BYTES = 1024 * 1024 * 1024;

/** Room enough for nobody to wait for room. */
export const MANY_UNDER_WAY = 1024;
const DEPTHS = [4, 16, UNDER_WAY, MANY_UNDER_WAY];

const COPIED_BYTES = 1024 * 1024;
export const RECEIVERS = [1, 2, 4, 8, 16, 32, 64] as const;
/** Up to so many receivers, a trial has as many messages; then fewer, as all the processes share the processors. */
const FEW_RECEIVERS = 8;
const SMALL = 64;
const PAGE = 4096;

/** Everything that one round measures. */
export function measurementsFor(plan: Plan): readonly Measurement[] {
  return [
    ...handOffs(plan),
    ...depths(plan),
    ...copies(plan),
    ...roundTrips(plan),
    ...fanOuts(plan),
  ];
}

/** As the tables name it: exactly, because that is what tells two tasks apart. */
export function sizeName(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

/** As the tables name it. */
export function receiversName(receivers: number): string {
  return receivers === 1 ? '1 receiver' : `${receivers} receivers`;
}

/** As the tables name it. */
function roomName(slots: number): string {
  return `room for ${slots}`;
}

/** What all subjects of a task have in common. */
type Common = Omit<Measurement, 'subject' | 'run'>;

/** The measurement of the transport, with a way of receiving. */
function transportOf(
  plan: Plan,
  common: Common,
  changes: Partial<Unplaced<Workload>>,
): Measurement {
  const workload = {
    transport: plan.transport,
    messageBytes: SMALL,
    count: common.count,
    warmUp: common.count * WARM_UPS,
    receivers: 1,
    slots: UNDER_WAY,
    way: 'try' as const,
    copy: false,
    samples: false,
    ...changes,
  };
  return { ...common, subject: WAYS[workload.way], run: () => runTransport(workload) };
}

/** The measurement of the C program, if there is one. */
function limitOf(
  { inC }: Plan,
  common: Common,
  ...words: readonly (string | number)[]
): readonly Measurement[] {
  if (!inC) return [];
  const limit = { ...common, subject: LIMIT, run: () => runSharedLimit(words) };
  if (words.includes('futex')) return [limit];
  const run = () => runSharedLimit([...words, 'polls-only']);
  return [limit, { ...common, subject: LIMIT_POLLING, run }];
}

/** The measurement of the client in C, if it can be compared. */
function protocolOf(
  { protocolInC }: Plan,
  common: Common,
  words: readonly (string | number)[],
  subject = PROTOCOL,
): readonly Measurement[] {
  return protocolInC ? [{ ...common, subject, run: () => runProtocolLimit(words) }] : [];
}

function handOffs(plan: Plan): readonly Measurement[] {
  const { count } = plan;
  return plan.sizes.flatMap((messageBytes) => {
    const slots = Math.min(UNDER_WAY, Math.max(1, Math.floor(MOST_POOL_BYTES / messageBytes)));
    const common = { question: 'hand-off' as const, task: sizeName(messageBytes), count };
    const ways = Object.keys(WAYS) as Way[];
    return [
      ...limitOf(plan, common, 'handoff', messageBytes, count, slots),
      ...protocolOf(plan, common, ['handoff', messageBytes, count, slots]),
      ...ways.map((way) => transportOf(plan, common, { messageBytes, way, slots })),
    ];
  });
}

function depths(plan: Plan): readonly Measurement[] {
  const { count } = plan;
  return DEPTHS.flatMap((slots) => {
    const common = { question: 'depth' as const, task: roomName(slots), count };
    return [
      ...limitOf(plan, common, 'handoff', PAGE, count, slots),
      transportOf(plan, common, { messageBytes: PAGE, slots }),
    ];
  });
}

function copies(plan: Plan): readonly Measurement[] {
  const messageBytes = COPIED_BYTES;
  const count = Math.ceil(plan.count / 500);
  // Node's channels are that much slower, and the figure is per message.
  const fewer = Math.ceil(count / 8);
  const common = { question: 'copy' as const, task: sizeName(messageBytes) };
  return [
    ...limitOf(plan, { ...common, count }, 'copy', messageBytes, count, UNDER_WAY),
    transportOf(plan, { ...common, count }, { messageBytes, copy: true }),
    ...(Object.keys(CHANNELS) as Channel[]).map((channel) => ({
      ...common,
      count: fewer,
      subject: CHANNELS[channel],
      run: () =>
        runChannel(channel, { messageBytes, count: fewer, warmUp: fewer * WARM_UPS, scan: true }),
    })),
  ];
}

function roundTrips(plan: Plan): readonly Measurement[] {
  const kinds = [
    { task: SPINNING, mode: 'spin', count: Math.ceil(plan.count / 2) },
    { task: PARKED, mode: 'futex', count: Math.ceil(plan.count / 100) },
  ];
  return kinds.flatMap(({ task, mode, count }) => {
    const common = { question: 'round trip' as const, task, count };
    const { transport, hasChannels } = plan;
    const park = task === PARKED;
    const played = (
      peer: 'ping-pong' | 'request-pong',
      subject: string,
      { ahead = false, awaits = park },
    ): Measurement => {
      const workload = { transport, count, warmUp: count * WARM_UPS, park, ahead, awaits };
      return { ...common, subject, run: () => runPingPong(peer, workload) };
    };
    const withoutRequests = [played('ping-pong', TRANSPORT, { ahead: !park })];
    const requests = [played('request-pong', REQUEST, { ahead: !park })];
    const words = ['pingpong', count];
    const limits = [
      ...limitOf(plan, common, ...words, mode),
      ...protocolOf(plan, common, [...words, park ? 'asleep' : 'ahead']),
    ];
    if (!park) {
      limits.push(...protocolOf(plan, common, [...words, 'one-by-one'], PROTOCOL_ONE_BY_ONE));
      withoutRequests.push(played('ping-pong', ONE_BY_ONE, {}));
      requests.push(
        played('request-pong', REQUEST_ONE_BY_ONE, {}),
        played('request-pong', AWAITED_REQUEST, { ahead: true, awaits: true }),
      );
    }
    return [...limits, ...withoutRequests, ...(hasChannels ? requests : [])];
  });
}

function fanOuts(plan: Plan): readonly Measurement[] {
  return RECEIVERS.flatMap((receivers) => {
    const few = Math.ceil(plan.count / 4);
    const count = Math.ceil(few / Math.max(receivers / FEW_RECEIVERS, 1));
    // V8 compiles after so many messages of the sender, to however many receivers.
    const warmUp = few * WARM_UPS;
    const common = { question: 'fan-out' as const, task: receiversName(receivers), count };
    return [
      ...limitOf(plan, common, 'fanout', receivers, SMALL, count, MANY_UNDER_WAY),
      ...protocolOf(plan, common, ['fanout', receivers, SMALL, count, MANY_UNDER_WAY]),
      transportOf(plan, common, { receivers, warmUp, slots: MANY_UNDER_WAY }),
    ];
  });
}
