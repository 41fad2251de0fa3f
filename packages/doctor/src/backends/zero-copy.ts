import type { Transport } from '@pageferry/core';
import type { Probe } from '../probes/probe.js';
import { PROBE_NAMES } from '../probes/words.js';
import type { BackendEntry } from './table.js';

/** On which sides a backend goes without a copy on this kernel. */
export interface ZeroCopy {
  readonly zeroCopySend: boolean;
  readonly zeroCopyReceive: boolean;
  /** Why not, where the backend could do it and this kernel does not let it. */
  readonly obstacle?: string;
}

/**
 * Judges by the probes of a backend's hops: what it could do, and whether the kernel lets it.
 *
 * @param probeOf the probe of a hop; asked for the backend's own hops alone.
 */
export async function judgeZeroCopy(
  entry: BackendEntry,
  { capabilities }: Transport,
  probeOf: (hop: Probe['hop']) => Promise<Probe>,
): Promise<ZeroCopy> {
  const send = entry.sendHop && capabilities.zeroCopySend && (await probeOf(entry.sendHop));
  const receive =
    entry.receiveHop && capabilities.zeroCopyReceive && (await probeOf(entry.receiveHop));
  const obstacle = [send, receive].find((probe) => probe && probe.result !== 'references');
  return {
    zeroCopySend: send ? send.result === 'references' : false,
    zeroCopyReceive: receive ? receive.result === 'references' : false,
    ...(obstacle ? { obstacle: describeObstacle(obstacle) } : {}),
  };
}

function describeObstacle({ hop, result, evidence }: Probe): string {
  return result === 'copies' ? `${PROBE_NAMES[hop]} copies on this kernel` : evidence;
}
