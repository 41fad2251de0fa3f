import { constants } from 'node:buffer';
import type { Capabilities } from '@pageferry/core';
import { FRAME_BYTES, MAX_FRAME_VALUE } from './protocol/frame.js';

/** What the socket transport can do: everything, with copies. */
export const capabilities: Capabilities = {
  zeroCopySend: false,
  zeroCopyReceive: false,
  zeroCopySplice: false,
  tee: false,
  maxReceivers: 64,
  maxChannels: 64,
  // A message lies in one buffer, behind the frame that announces it.
  maxMessageBytes: Math.min(MAX_FRAME_VALUE, constants.MAX_LENGTH - FRAME_BYTES),
  maxDescriptors: 0,
  sameProcess: true,
  inheritedEndpoint: false,
  localEndpoint: true,
};
