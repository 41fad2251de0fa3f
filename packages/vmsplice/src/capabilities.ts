import type { Capabilities } from '@pageferry/core';
import { MAX_MESSAGE_BYTES } from './protocol.js';

/** How many channels one listener can have open: each costs it two pipes, and a few descriptors more. */
const MAX_CHANNELS = 64;

/** What the pipe transport can do, whatever the binding. */
export const capabilities: Capabilities = {
  zeroCopySend: true,
  zeroCopyReceive: false,
  zeroCopySplice: true,
  tee: true,
  maxReceivers: 64,
  maxChannels: MAX_CHANNELS,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxDescriptors: 0,
  sameProcess: true,
  inheritedEndpoint: true,
  localEndpoint: true,
};
