import { tmpdir } from 'node:os';
import { dispose } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { SystemCall } from '../capabilities/system-calls.js';
import type { Bench, Hop } from './hops/hop.js';
import { HOPS, hopNamed } from './hops/index.js';
import type { Observer } from './observer.js';
import { OtherProcess } from './other-process.js';
import { type HopName, type Probe, unavailable } from './probe.js';
import { sparing } from './sparing.js';
import { ThisProcess } from './this-process.js';

/** What {@link probeHops} can be told. */
export interface ProbeOptions {
  /** Where files are made: the answer is that of its file system. `os.tmpdir()` by default. */
  readonly folder?: string | undefined;
}

/**
 * Finds out for every hop whether it copies, between this process and one that it starts. Where the
 * other one cannot be started, or has ended, this process looks a second time itself: less than a
 * proof, but pages that are shared or copied within a process are so between two.
 *
 * @param calls makes the calls on this side; the other process loads the binding of that name.
 * @returns one probe for each hop. A hop that cannot be tried is `unavailable`, with the reason.
 */
export async function probeHops(
  calls: LinuxCalls,
  { folder = tmpdir() }: ProbeOptions = {},
  killers: readonly SystemCall[] = [],
): Promise<readonly Probe[]> {
  const spared = sparing(calls, killers);
  let observer: Observer;
  try {
    observer = await OtherProcess.start(calls, calls.binding, killers);
  } catch {
    observer = new ThisProcess(spared);
  }
  const probes: Probe[] = [];
  try {
    for (const hop of HOPS) {
      probes.push(await probe(hop, { calls: spared, observer, folder }));
      if (!observer.usable) observer = new ThisProcess(spared);
    }
  } finally {
    observer[dispose]();
  }
  return probes;
}

/** Finds out about one hop within this process, which takes microseconds. */
export async function probeQuickly(calls: LinuxCalls, name: HopName): Promise<Probe> {
  const observer = new ThisProcess(calls);
  try {
    return await probe(hopNamed(name), { calls, observer, folder: tmpdir() });
  } finally {
    observer[dispose]();
  }
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
