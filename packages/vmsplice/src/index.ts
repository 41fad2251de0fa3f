/**
 * `@pageferry/vmsplice`: the pipe transport, over any implementation of `LinuxCalls`.
 *
 * The sender's pages are put into a pipe by reference (vmsplice(2)); the receiver moves them on to a
 * descriptor (splice(2)), or reads them, which costs one copy. Install `@pageferry/vmsplice-napi` for
 * a ready-made backend.
 *
 * @packageDocumentation
 */
export { type Attachments, createAttachments } from './attached/attach.js';
export type { AttachOptions } from './attached/options.js';
export type { VmspliceReceiverOptions, VmspliceSenderOptions } from './options.js';
export { probeVmsplice, type VmspliceProbe } from './probe/probe-vmsplice.js';
export { createVmspliceTransport } from './transport.js';
