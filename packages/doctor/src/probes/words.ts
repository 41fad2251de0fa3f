import type { HopName } from './probe.js';

/** What people read for the name of a hop. */
export const PROBE_NAMES: Readonly<Record<HopName, string>> = {
  vmsplice: 'vmsplice into a pipe',
  write: 'write into a pipe',
  read: 'read from a pipe',
  'vmsplice-read': 'vmsplice from a pipe',
  'splice-pipe': 'splice to a pipe',
  tee: 'tee to a pipe',
  'splice-memfd': 'splice to a memfd',
  'splice-file': 'splice to a file',
  'splice-direct-file': 'splice to O_DIRECT file',
  'splice-unix-socket': 'splice to a Unix socket',
  'splice-tcp-loopback': 'splice to TCP loopback',
  'mmap-memfd': 'memfd mapped twice',
};
