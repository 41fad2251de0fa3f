import { hostname } from 'node:os';
import { EndpointPath, identify, inheritedDescriptor } from '@pageferry/core';

/**
 * What stands for the sender at an endpoint of this host, in one word: the file of its socket, which no other sender has.
 *
 * @returns `undefined` where there is no such file.
 */
export function sourceAt(endpoint: string): string | undefined {
  if (inheritedDescriptor(endpoint) !== undefined) return undefined;
  try {
    const file = identify(new EndpointPath(endpoint).absolute);
    if (file === undefined) return undefined;
    const host = hostname()
      .replace(/[^!-~]/g, '_')
      .slice(0, 64);
    return `${host}/${file.dev}.${file.ino}.${file.mtimeNs}`;
  } catch {
    return undefined;
  }
}
