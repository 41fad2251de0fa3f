/**
 * `@pageferry/vmsplice-ffi`: hands memory pages to another process with vmsplice and splice, where
 * nothing can be compiled. The pipe transport of `@pageferry/vmsplice` over the binding
 * `@pageferry/linux-ffi`.
 *
 * @packageDocumentation
 */
import type { Transport } from '@pageferry/core';
import { type LinuxFfiOptions, loadLinuxCalls } from '@pageferry/linux-ffi';
import {
  type Attachments,
  createAttachments,
  createVmspliceTransport,
  type VmspliceReceiverOptions,
  type VmspliceSenderOptions,
} from '@pageferry/vmsplice';

export type { FfiDriverName, LinuxFfiOptions } from '@pageferry/linux-ffi';
export type {
  Attachments,
  AttachOptions,
  VmspliceReceiverOptions,
  VmspliceSenderOptions,
} from '@pageferry/vmsplice';

/** A backend, and what it has for programs that know nothing of Pageferry. */
export type VmspliceFfi = Transport<VmspliceSenderOptions, VmspliceReceiverOptions> & Attachments;

/**
 * The backend `vmsplice-ffi` with a driver of your choice. Nothing is loaded before it is used.
 *
 * @example
 * const transport = createVmspliceFfi({ driver: 'node' }); // Node 26.9 and later
 */
export function createVmspliceFfi(options: LinuxFfiOptions = {}): VmspliceFfi {
  const load = () => loadLinuxCalls(options);
  return { ...createVmspliceTransport('vmsplice-ffi', load), ...createAttachments(load) };
}

/** The backend `vmsplice-ffi`, over koffi. See {@link Transport} for what it does. Linux only. */
export const vmspliceFfi: VmspliceFfi = createVmspliceFfi();

/** {@link Attachments.attachSender} */
export const attachSender: Attachments['attachSender'] = vmspliceFfi.attachSender;

/** {@link Attachments.attachReceiver} */
export const attachReceiver: Attachments['attachReceiver'] = vmspliceFfi.attachReceiver;

/** {@link Attachments.openPipe} */
export const openPipe: Attachments['openPipe'] = vmspliceFfi.openPipe;

/** {@link Attachments.openSocketPair} */
export const openSocketPair: Attachments['openSocketPair'] = vmspliceFfi.openSocketPair;
