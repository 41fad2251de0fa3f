import { tmpdir } from 'node:os';
import { type BackendReport, judgeBackend } from './backends/judge-backend.js';
import { folderPlace, inheritedPlace } from './backends/meeting-place.js';
import { BACKENDS } from './backends/table.js';
import { loadBindings } from './bindings/bindings.js';
import { examineCapabilities, type SystemCapabilities } from './capabilities/capabilities.js';
import { killersAmong } from './capabilities/system-calls.js';
import type { Probe } from './probes/probe.js';
import { noProbes, type ProbeOptions, probeHops } from './probes/probe-hops.js';
import { type Advice, advise } from './verdict/advice.js';
import { recommend } from './verdict/recommend.js';

/** All that the doctor finds out. `JSON.stringify` makes of it what `--json` prints. */
export interface Report {
  /** Number of this layout. Fields may be added without a new one. */
  readonly schema: 1;
  /** Release of the kernel. */
  readonly kernel: string;
  /** Version of Node. */
  readonly node: string;
  /** Which hops copy. */
  readonly probes: readonly Probe[];
  /** What each backend is worth here. */
  readonly backends: readonly BackendReport[];
  /** The backend to use; `null` if none works. */
  readonly recommended: string | null;
  /** What the machine allows. */
  readonly capabilities: SystemCapabilities;
  /** What is not as it could be, and what to do about it. */
  readonly advice: readonly Advice[];
}

/**
 * Examines this machine: probes every hop between two processes, tries every backend that is
 * installed, and says what could be better. Takes about half a second.
 */
export async function examine(options: ProbeOptions = {}): Promise<Report> {
  const { calls, bindings } = await loadBindings();
  const capabilities = await examineCapabilities(calls, bindings);
  const killers = killersAmong(capabilities.systemCalls);
  const probes =
    calls === undefined ? noProbes(bindings[0]?.reason) : await probeHops(calls, options, killers);
  const judgements = [];
  for (const entry of BACKENDS) {
    judgements.push(
      await judgeBackend(entry, {
        probeOf: async (hop) => probes.find((probe) => probe.hop === hop) as Probe,
        killers: async () => killers,
        pipeBytes: () => capabilities.pipes?.grownBytes,
        // Without a folder to write in, the socket goes untried: it needs nothing but Node.
        meetingPlace: async ({ anySystem }) =>
          anySystem || calls === undefined
            ? folderPlace(options.folder ?? tmpdir())
            : inheritedPlace(calls),
      }),
    );
  }
  return {
    schema: 1,
    kernel: capabilities.platform.kernel,
    node: capabilities.platform.node,
    probes,
    backends: judgements.map(({ report }) => report),
    recommended: recommend(judgements) ?? null,
    capabilities,
    advice: advise(capabilities, probes, judgements),
  };
}

/** True if some backend that goes without a copy is usable. */
export function hasZeroCopy({ backends }: Report): boolean {
  return backends.some(
    ({ usable, zeroCopySend, zeroCopyReceive }) => usable && (zeroCopySend || zeroCopyReceive),
  );
}
