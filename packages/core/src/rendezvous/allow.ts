import { checkInteger, inheritedDescriptor, invalidArgument } from '../checks.js';
import type { Allow } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';

/** {@link Allow} with its defaults filled in. */
export interface AllowSettings {
  /** User ids besides this process's own. */
  readonly uids: readonly number[];
  /** Group ids. */
  readonly gids: readonly number[];
}

/** Nobody but this process's own user. */
export const ALLOW_NOBODY_ELSE: AllowSettings = { uids: [], gids: [] };

/** The largest user or group id that somebody can have: the next one stands for none. */
const LARGEST_ID = 2 ** 32 - 2;

/**
 * Passes the option `allow`.
 *
 * @param endpoint that it is for, checked.
 * @throws `INVALID_ARGUMENT`, also where the endpoint is no path: only this user reaches a name, and with `fd:N` the
 *   descriptor is the permission.
 */
export function checkAllow(value: Allow | undefined, endpoint: string): AllowSettings {
  if (value === undefined) return ALLOW_NOBODY_ELSE;
  const { uids, gids } = checkOptions(value, ['uids', 'gids']);
  const settings = { uids: checkIds('allow.uids', uids), gids: checkIds('allow.gids', gids) };
  const isPath = endpoint.includes('/') && inheritedDescriptor(endpoint) === undefined;
  if (!allowsOthers(settings) || isPath) return settings;
  throw new PageferryError(
    'INVALID_ARGUMENT',
    `allow needs a path for an endpoint, in a folder that others reach, not ${endpoint}`,
    { argument: 'allow' },
  );
}

/** Whether anybody but this process's own user may connect. */
export function allowsOthers({ uids, gids }: AllowSettings): boolean {
  return uids.length + gids.length > 0;
}

function checkIds(argument: string, value: readonly number[] = []): readonly number[] {
  if (!Array.isArray(value)) throw invalidArgument(argument, value, 'a list of ids');
  for (const id of value) checkInteger(argument, id, 0, LARGEST_ID);
  return [...value];
}

/** Who may connect to a socket file. */
export interface FileRights {
  /** Its mode. */
  readonly mode: number;
  /** Its group; `undefined` for the one that it has already. */
  readonly gid: number | undefined;
}

/**
 * What the socket file has to say. For one group alone the kernel looks at who connects, and knows all groups that a
 * process has. For users, and for several groups, everybody may connect, and the listener looks at who it is.
 */
export function fileRightsFor(allow: AllowSettings): FileRights {
  if (!allowsOthers(allow)) return { mode: 0o600, gid: undefined };
  if (isOneGroup(allow)) return { mode: 0o660, gid: allow.gids[0] };
  return { mode: 0o666, gid: undefined };
}

/** Whether the socket file alone says who may connect: those of one group. */
export function isOneGroup({ uids, gids }: AllowSettings): boolean {
  return uids.length === 0 && gids.length === 1;
}
