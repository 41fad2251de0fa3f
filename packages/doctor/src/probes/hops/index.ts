import type { HopName } from '../probe.js';
import type { Hop } from './hop.js';
import { vmspliceHop, writeHop } from './into-pipe.js';
import { readHop, vmspliceReadHop } from './out-of-pipe.js';
import { mmapMemfdHop } from './shared-memory.js';
import { spliceDirectFileHop, spliceFileHop, spliceMemfdHop } from './to-file.js';
import { splicePipeHop, teeHop } from './to-pipe.js';
import { spliceTcpLoopbackHop, spliceUnixSocketHop } from './to-socket.js';

/** Every hop, in the order in which bytes take them. */
export const HOPS: readonly Hop[] = [
  vmspliceHop,
  writeHop,
  readHop,
  vmspliceReadHop,
  splicePipeHop,
  teeHop,
  spliceMemfdHop,
  spliceFileHop,
  spliceDirectFileHop,
  spliceUnixSocketHop,
  spliceTcpLoopbackHop,
  mmapMemfdHop,
];

/** The hop of that name. */
export function hopNamed(name: HopName): Hop {
  return HOPS.find((hop) => hop.name === name) as Hop;
}
