/**
 * `@pageferry/vmsplice`: the pipe transport, over any implementation of `LinuxCalls`.
 *
 * The sender's pages are put into a pipe by reference (vmsplice(2)); the receiver moves them on to a
 * descriptor (splice(2)), or reads them, which costs one copy. Programs that know nothing of Pageferry
 * are at the other end of a plain pipe. Install `@pageferry/vmsplice-napi` for a ready-made backend.
 *
 * @packageDocumentation
 */
export type { VmspliceConnectOptions, VmspliceListenOptions } from './channel/options.js';
export type { VmspliceReceiverOptions, VmspliceSenderOptions } from './options.js';
export { probeVmsplice, type VmspliceProbe } from './probe/probe-vmsplice.js';
export { createPipePrograms, type PipePrograms } from './programs/pipe-programs.js';
export { createVmspliceTransport, type VmspliceTransport } from './transport.js';
