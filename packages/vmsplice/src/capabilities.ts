import type { Capabilities } from '@pageferry/core';
import { MAX_MESSAGE_BYTES } from './protocol.js';

/** What the pipe transport can do, whatever the binding. */
export const capabilities: Capabilities = {
  zeroCopySend: true,
  zeroCopyReceive: false,
  zeroCopySplice: true,
  tee: true,
  maxReceivers: 64,
  maxChannels: 0,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  sameProcess: true,
  inheritedEndpoint: true,
};
