import type { Transport } from '../contract/transport.js';
import { PageferryError } from '../errors.js';

/** `listen` and `connect` of a transport that has no channels: both reject with `NOT_SUPPORTED`. */
export const noChannels: Pick<Transport, 'listen' | 'connect'> = {
  listen: () => Promise.reject(notSupported()),
  connect: () => Promise.reject(notSupported()),
};

function notSupported(): PageferryError {
  return new PageferryError('NOT_SUPPORTED', 'this transport has no channels');
}
