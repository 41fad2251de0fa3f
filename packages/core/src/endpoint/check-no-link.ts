import { readlinkSync } from 'node:fs';
import { PageferryError } from '../errors.js';
import type { EndpointPath } from './endpoint-path.js';

/**
 * Refuses a symbolic link in the place where a sender is to bind its socket file. bind(2) does not follow
 * it, and to replace it is not for a sender to decide. Receivers follow links.
 *
 * @throws `ENDPOINT_INVALID`.
 */
export function checkNoLink({ given, absolute }: EndpointPath): void {
  let target: string;
  try {
    target = readlinkSync(absolute);
  } catch {
    return;
  }
  throw new PageferryError(
    'ENDPOINT_INVALID',
    `the endpoint ${given} is a symbolic link to ${target}: a sender needs the path of the file itself`,
  );
}
