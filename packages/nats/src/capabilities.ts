import { constants } from 'node:buffer';
import type { Capabilities } from '@pageferry/core';

/** How many receivers one sender can serve. */
const MAX_RECEIVERS = 64;

/** What the transport over NATS can do: everything that needs no memory in common, with copies. */
export const capabilities: Capabilities = {
  zeroCopySend: false,
  zeroCopyReceive: false,
  zeroCopySplice: false,
  tee: false,
  maxReceivers: MAX_RECEIVERS,
  maxChannels: 0,
  // A delivery lies in one buffer.
  maxMessageBytes: Math.min(2 ** 32 - 1, constants.MAX_LENGTH),
  maxDescriptors: 0,
  sameProcess: true,
  inheritedEndpoint: false,
  localEndpoint: false,
};
