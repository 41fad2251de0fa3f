import { tmpdir } from 'node:os';
import type { LinuxCalls } from '@pageferry/linux';
import type { Bench, Hop } from './hops/hop.js';
import { HOPS, hopNamed } from './hops/index.js';
import { OtherProcess } from './other-process.js';
import { type HopName, type Probe, unavailable } from './probe.js';
import { ThisProcess } from './this-process.js';

/** What {@link probeHops} can be told. */
export interface ProbeOptions {
  /** Where files are made: the answer is that of its file system. `os.tmpdir()` by default. */
  readonly folder?: string | undefined;
}

/**
 * Finds out for every hop whether it copies, between this process and one that it starts.
 *
 * @param calls makes the calls on this side; the other process loads the binding of that name.
 * @returns one probe for each hop. A hop that cannot be tried is `unavailable`, with the reason.
 */
export async function probeHops(
  calls: LinuxCalls,
  { folder = tmpdir() }: ProbeOptions = {},
): Promise<readonly Probe[]> {
  let observer: OtherProcess;
  try {
    observer = await OtherProcess.start(calls, calls.binding);
  } catch (error) {
    return noProbes(error);
  }
  const probes: Probe[] = [];
  try {
    for (const hop of HOPS) probes.push(await probe(hop, { calls, observer, folder }));
  } finally {
    observer[Symbol.dispose]();
  }
  return probes;
}

/** Finds out about one hop within this process, which takes microseconds. */
export async function probeQuickly(calls: LinuxCalls, name: HopName): Promise<Probe> {
  using observer = new ThisProcess(calls);
  return await probe(hopNamed(name), { calls, observer, folder: tmpdir() });
}

/** The probes where none can be made, for one reason. */
export function noProbes(reason: unknown): readonly Probe[] {
  return HOPS.map(({ name }) => ({ hop: name, ...unavailable(reason) }));
}

async function probe(hop: Hop, bench: Bench): Promise<Probe> {
  try {
    return { hop: hop.name, ...(await hop.probe(bench)) };
  } catch (error) {
    return { hop: hop.name, ...unavailable(error) };
  }
}
