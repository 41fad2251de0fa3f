/**
 * `@pageferry/vmsplice-napi`: hands memory pages to another process with vmsplice and splice. The
 * pipe transport of `@pageferry/vmsplice` over the Node-API binding `@pageferry/linux-napi`.
 *
 * @packageDocumentation
 */
import type { Transport } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import {
  type Attachments,
  createAttachments,
  createVmspliceTransport,
  type VmspliceReceiverOptions,
  type VmspliceSenderOptions,
} from '@pageferry/vmsplice';

export type {
  Attachments,
  AttachOptions,
  VmspliceReceiverOptions,
  VmspliceSenderOptions,
} from '@pageferry/vmsplice';

/** The backend `vmsplice-napi`. See {@link Transport} for what it does. Linux only. */
export const vmspliceNapi: Transport<VmspliceSenderOptions, VmspliceReceiverOptions> =
  createVmspliceTransport('vmsplice-napi', loadLinuxCalls);

const attachments = createAttachments(loadLinuxCalls);

/** {@link Attachments.attachSender} */
export const attachSender: Attachments['attachSender'] = attachments.attachSender;

/** {@link Attachments.attachReceiver} */
export const attachReceiver: Attachments['attachReceiver'] = attachments.attachReceiver;

/** {@link Attachments.openPipe} */
export const openPipe: Attachments['openPipe'] = attachments.openPipe;

/** {@link Attachments.openSocketPair} */
export const openSocketPair: Attachments['openSocketPair'] = attachments.openSocketPair;
