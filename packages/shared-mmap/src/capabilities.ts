import type { Capabilities } from '@pageferry/core';
import { MAX_DESCRIPTORS_PER_MESSAGE } from '@pageferry/linux';

/** How many receivers one sender can serve: one bit each in the two words that say who holds a slot. */
export const MAX_RECEIVERS = 64;

/**
 * The largest message in bytes: what fits, with a page to spare, into the largest `ArrayBuffer` that
 * every supported Node can make, and into the 32 bits of a delivery entry.
 */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024 * 1024 - 2 * 1024 * 1024;

/**
 * How many descriptors may travel with a message: what the kernel passes at once (`SCM_MAX_FD`, 253), but for one that a
 * message may need for memory of its own.
 */
const MAX_DESCRIPTORS: number = MAX_DESCRIPTORS_PER_MESSAGE - 1;

/** What the shared-memory transport can do, whatever the binding. */
export const capabilities: Capabilities = {
  zeroCopySend: true,
  zeroCopyReceive: true,
  zeroCopySplice: false,
  tee: false,
  maxReceivers: MAX_RECEIVERS,
  maxChannels: MAX_RECEIVERS,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxDescriptors: MAX_DESCRIPTORS,
  sameProcess: true,
  inheritedEndpoint: true,
  localEndpoint: true,
};
