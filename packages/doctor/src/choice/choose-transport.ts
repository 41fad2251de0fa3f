import { invalidArgument, PageferryError, type Transport } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { type BackendReport, type Circumstances, judgeBackend } from '../backends/judge-backend.js';
import { loadBackend } from '../backends/load-backend.js';
import { inheritedPlace } from '../backends/meeting-place.js';
import { BACKENDS, type BackendEntry, backendNamed, FALLBACK } from '../backends/table.js';
import { MESSAGES, type Use } from '../backends/use.js';
import { loadFirstBinding } from '../bindings/bindings.js';
import { reasonOf } from '../bindings/optional-package.js';
import { askSystemCalls } from '../capabilities/ask-system-calls.js';
import { trialPipe } from '../capabilities/pipes.js';
import { killersAmong, type SystemCall, seccompMode } from '../capabilities/system-calls.js';
import { type Probe, unavailable } from '../probes/probe.js';
import { probeQuickly } from '../probes/probe-hops.js';
import { sparing } from '../probes/sparing.js';
import { tellOfCopies, warnOfCopies } from './warn-of-copies.js';

/** What {@link chooseTransport} can be told. */
export interface ChoiceOptions {
  /**
   * Names of backends, best first; others are not considered. `socket` comes last if it is not among
   * them. Default: `shared-mmap`, `vmsplice-napi`, `vmsplice-ffi`, `socket`.
   */
  readonly prefer?: readonly string[] | undefined;
  /**
   * Whether a process warning (`PAGEFERRY_COPIES`, once in a process) tells that messages are copied
   * though a backend that does not was asked for, and why. Default: true.
   */
  readonly warn?: boolean | undefined;
}

/** What was chosen, and why. */
export interface TransportChoice {
  /** The backend's name. */
  readonly name: string;
  /** The best one that works here. */
  readonly transport: Transport;
  /** What the choice was made from: one line for each backend up to the one that was chosen. */
  readonly reasons: readonly string[];
}

/**
 * Chooses the best transport on this machine: the first backend that is installed, goes without a
 * copy on one side at least, has room to work in, and brings a message across. `@pageferry/socket`
 * where there is none, and on every system but Linux.
 *
 * The answer comes from the kernel, by the doctor's probes, in a few milliseconds. Under a seccomp filter,
 * which may kill whoever makes a call, another process asks first: once in each process, which takes as
 * long as Node takes to start. The answer is for this
 * process: another one may have other limits.
 *
 * Nothing is written anywhere for that: no temporary folder is needed.
 *
 * @throws `INVALID_ARGUMENT` for a name that no backend has.
 */
export function chooseTransport(options: ChoiceOptions = {}): Promise<TransportChoice> {
  return chooseFor(MESSAGES, options);
}

/**
 * Chooses as {@link chooseTransport} does, among those that can be used for something.
 *
 * @throws `INVALID_ARGUMENT`, and `NOT_SUPPORTED` if the socket cannot be used for it and no other is left.
 */
export async function chooseFor(use: Use, options: ChoiceOptions): Promise<TransportChoice> {
  const circumstances = onDemand();
  const reasons: string[] = [];
  for (const entry of candidates(options)) {
    if (entry === FALLBACK) break;
    const { report, transport, good } = await judgeBackend(entry, circumstances, {
      onlyIfGood: true,
      use,
    });
    reasons.push(toReason(report, good));
    if (good && transport !== undefined) return { name: entry.name, transport, reasons };
  }
  const transport = await loadBackend(FALLBACK);
  const lack = use.lacks(transport.capabilities);
  if (lack !== undefined) throw noneIsLeft([...reasons, `${FALLBACK.name}: ${lack}`]);
  if (reasons.length > 0) {
    tellOfCopies(reasons);
    const what = 'Messages are copied: no backend that does not works here';
    if (options.warn !== false) warnOfCopies(what, reasons);
  }
  const reason = `${FALLBACK.name}: works everywhere, and copies`;
  return { name: FALLBACK.name, transport, reasons: [...reasons, reason] };
}

/** The error for a search that has come to its end without any backend. */
export function noneIsLeft(reasons: readonly string[]): PageferryError {
  return new PageferryError('NOT_SUPPORTED', `no backend can be used: ${reasons.join('; ')}`);
}

/** The backends to consider, in their order, with the fallback among them. */
export function candidates({ prefer, warn }: ChoiceOptions): readonly BackendEntry[] {
  if (warn !== undefined && typeof warn !== 'boolean') {
    throw invalidArgument('warn', warn, 'true or false');
  }
  if (prefer === undefined) return BACKENDS;
  if (!Array.isArray(prefer)) throw invalidArgument('prefer', prefer, 'an array of names');
  const entries = prefer.map((name: unknown) => {
    const entry = typeof name === 'string' ? backendNamed(name) : undefined;
    if (entry === undefined) {
      const names = BACKENDS.map((known) => known.name).join(', ');
      throw invalidArgument('prefer', name, `names among ${names}`);
    }
    return entry;
  });
  return entries.includes(FALLBACK) ? entries : [...entries, FALLBACK];
}

/** Finds out what is asked for, and nothing else; each thing once. */
function onDemand(): Circumstances {
  let loading: Promise<LinuxCalls> | undefined;
  let calls: LinuxCalls | undefined;
  const probes = new Map<Probe['hop'], Promise<Probe>>();
  const load = async (): Promise<LinuxCalls> => {
    loading ??= loadFirstBinding().then(async (loaded) =>
      sparing(loaded, await findKillers(loaded)),
    );
    calls = await loading;
    return calls;
  };
  const find = async (hop: Probe['hop']): Promise<Probe> => {
    try {
      return await probeQuickly(await load(), hop);
    } catch (error) {
      return { hop, ...unavailable(reasonOf(error)) };
    }
  };
  return {
    probeOf(hop) {
      const probe = probes.get(hop) ?? find(hop);
      probes.set(hop, probe);
      return probe;
    },
    killers: async () => {
      try {
        return await findKillers(await load());
      } catch {
        return []; // Without a binding there is nothing that could kill.
      }
    },
    pipeBytes: () => calls && trialPipe(calls).grownBytes,
    meetingPlace: async () => inheritedPlace(await load()),
  };
}

let killers: Promise<readonly SystemCall[]> | undefined;

/**
 * The calls that end whoever makes them. Only a seccomp filter does that, and where there is one, another
 * process has to find out, which is not done twice.
 */
function findKillers(calls: LinuxCalls): Promise<readonly SystemCall[]> {
  if (seccompMode() !== 'filter') return Promise.resolve([]);
  killers ??= askSystemCalls(calls).then(killersAmong);
  return killers;
}

function toReason({ name, reason, zeroCopySend, zeroCopyReceive }: BackendReport, good: boolean) {
  if (!good) return `${name}: ${reason ?? 'copies on both sides'}`;
  const sides = [zeroCopySend && 'sending', zeroCopyReceive && 'receiving'].filter(Boolean);
  return `${name}: ${sides.join(' and ')} without a copy`;
}
