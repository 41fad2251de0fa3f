import { connect } from 'node:net';
import { SOCKET_FILE_STATES } from './check-place.js';
import { endpointError } from './endpoint-error.js';
import type { EndpointPath } from './endpoint-path.js';

/**
 * Finds out whether anybody listens at a socket file, by Node's own means: `stale` if nobody does, `gone` if there is no file.
 *
 * @throws `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
 */
export function probeSocketFile(place: EndpointPath): Promise<'live' | 'stale' | 'gone'> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: place.address() });
    probe.once('connect', () => {
      probe.destroy();
      resolve('live');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const state = SOCKET_FILE_STATES[error.code ?? ''];
      if (state === undefined) reject(endpointError(error, place));
      else resolve(state);
    });
  });
}
