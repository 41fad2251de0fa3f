import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EndpointPath } from '@pageferry/core';

/** Where an endpoint is, and what it is called. */
export interface FoundEndpoint {
  /** To connect to. */
  readonly endpoint: string;
  /** As it is shown: the name, or the path as it was given. */
  readonly name: string;
  /** Whether it was asked for by its own path or name. */
  readonly isAskedFor: boolean;
}

/**
 * The endpoints of given paths, or those that are names.
 *
 * @param paths of endpoints, names, or folders.
 */
export function findEndpoints(paths: readonly string[]): readonly FoundEndpoint[] {
  if (paths.length === 0) return namedEndpoints();
  return paths.flatMap((path): readonly FoundEndpoint[] => {
    if (path.includes('/') && isFolder(path)) {
      return socketsIn(path).map((file) => {
        const endpoint = `${path.replace(/\/+$/, '')}/${file}`;
        return { endpoint, name: endpoint, isAskedFor: false };
      });
    }
    return [{ endpoint: path, name: path, isAskedFor: true }];
  });
}

/** Every name that there is a file for, sorted. */
function namedEndpoints(): readonly FoundEndpoint[] {
  const { folderOfName } = new EndpointPath('x');
  return socketsIn(folderOfName as string).map((name) => ({
    endpoint: name,
    name,
    isAskedFor: false,
  }));
}

function socketsIn(folder: string): readonly string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch {
    return []; // Nobody has made it, or it is another user's.
  }
  return entries.filter((name) => isSocket(join(folder, name))).sort();
}

// Node 20 and 22 remember the mode of a plain look at a socket where they look for symbolic links: hence `bigint`.
function isSocket(path: string): boolean {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.isSocket() === true;
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
