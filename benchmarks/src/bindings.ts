import { allSucceed, nextMessage } from '@pageferry/measuring/children';
import { buildProgram, runForNumbers } from '@pageferry/measuring/programs';
import { measureRounds } from '@pageferry/measuring/rounds';
import { median, ratios, type Spread, spread } from '@pageferry/measuring/statistics';
import { startPeer } from './children.js';
import { runFramed } from './pair.js';
import { type ReceivePath, receivePaths } from './task.js';

/** Message sizes for which the bindings are compared. */
const SIZES = [64 * 1024, 256 * 1024, 1024 * 1024];
const CALLS = 2_000_000;
/** The calls that are measured, in the order in which the C program prints them. */
const CALL_NAMES = ['getStatusFlags', 'poll', 'read', 'vmsplice', 'splice'];
const WAKE_UPS = 20_000;
const WAYS = [
  'uv_poll in the addon',
  'koffi.node.poll',
  'stream handle of Node',
  'poll(2) on a thread',
];
const hasNodeFfi = process.getBuiltinModule('node:ffi') !== undefined;
const BINDINGS = ['Node-API', 'koffi', ...(hasNodeFfi ? ['node:ffi'] : [])];
const FFI_BACKENDS = ['vmsplice-ffi (koffi)', ...(hasNodeFfi ? ['vmsplice-ffi (node:ffi)'] : [])];

/** Nanoseconds of each call, by the name of the call. */
type Cost = Readonly<Record<string, number>>;

/** What the bindings cost. Medians over the rounds, but for the ratios. */
export interface BindingsResult {
  readonly rounds: number;
  /** Nanoseconds a call, by who makes it. */
  readonly calls: readonly { readonly binding: string; readonly nanoseconds: Cost }[];
  /** Nanoseconds a wake-up, by who waits. */
  readonly wakeUps: readonly { readonly way: string; readonly nanoseconds: number }[];
  /** Time per byte of an FFI backend over that of vmsplice-napi, in the same round. */
  readonly timePerByte: readonly {
    readonly backend: string;
    readonly path: ReceivePath;
    readonly messageBytes: number;
    readonly ratio: Spread;
  }[];
}

/** Measures the bindings beside each other, each in a fresh process and in every round. */
export async function measureBindings(
  rounds: number,
  totalBytes: number,
  warmUpBytes: number,
  log: (line: string) => void,
): Promise<BindingsResult> {
  const costs = new Map<string, Cost[]>();
  const wakeUps = new Map<string, number[]>();
  const callCost = await buildProgram('call_cost');
  const subjects = [
    ...(callCost ? [async () => push(costs, 'C', await costInC())] : []),
    ...BINDINGS.map((binding) => async () => {
      push(costs, binding, (await ask('call-cost', binding, CALLS)) as Cost);
    }),
    ...WAYS.map((way) => async () => {
      push(wakeUps, way, (await ask('wake-up', way, WAKE_UPS)) as number);
    }),
  ];
  const announce = (what: string) => (round: string) => log(`${what}: ${round}`);
  await measureRounds(subjects, rounds, (run) => run(), announce('calls and wake-ups'));
  const timePerByte: BindingsResult['timePerByte'][number][] = [];
  for (const path of receivePaths) {
    for (const messageBytes of SIZES) {
      const task = { path, messageBytes, totalBytes, warmUpBytes };
      const times = await measureRounds(
        [undefined, ...FFI_BACKENDS],
        rounds,
        async (backend) => (await runFramed(task, backend)).nanoseconds,
        announce(`${path}, ${messageBytes} bytes`),
      );
      const own = times.get(undefined) ?? [];
      for (const backend of FFI_BACKENDS) {
        const ratio = spread(ratios(times.get(backend) ?? [], own));
        timePerByte.push({ backend, path, messageBytes, ratio });
      }
    }
  }
  return {
    rounds,
    calls: Array.from(costs, ([binding, values]) => ({ binding, nanoseconds: medians(values) })),
    wakeUps: Array.from(wakeUps, ([way, values]) => ({ way, nanoseconds: median(values) })),
    timePerByte,
  };
}

function push<Value>(into: Map<string, Value[]>, key: string, value: Value): void {
  const values = into.get(key);
  if (values === undefined) into.set(key, [value]);
  else values.push(value);
}

/** The one message of a peer that measures by itself. */
async function ask(peer: string, subject: string, count: number): Promise<unknown> {
  const child = startPeer(peer, { subject, count });
  const [message] = await Promise.all([nextMessage(child, peer), allSucceed([child])]);
  return message;
}

async function costInC(): Promise<Cost> {
  const values = await runForNumbers('call_cost', [CALLS]);
  return Object.fromEntries(CALL_NAMES.map((name, index) => [name, values[index] as number]));
}

function medians(costs: readonly Cost[]): Cost {
  return Object.fromEntries(
    CALL_NAMES.map((name) => [name, median(costs.map((cost) => cost[name] as number))]),
  );
}
