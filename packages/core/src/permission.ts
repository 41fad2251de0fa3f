import { dirname } from 'node:path';

/** The options that grant what Node's permission model asks for, by the names in its errors (`error.permission`). */
const FLAGS: Readonly<Record<string, string>> = {
  Addon: '--allow-addons',
  ChildProcess: '--allow-child-process',
  FFI: '--allow-ffi',
  FileSystemRead: '--allow-fs-read',
  FileSystemWrite: '--allow-fs-write',
  Net: '--allow-net',
  WASI: '--allow-wasi',
  WorkerThreads: '--allow-worker',
};

/**
 * Which option of Node's permission model (`--permission`) a call lacks that has failed; `undefined` if it has failed
 * for another reason.
 *
 * @param cause an error of Node's.
 */
export function lackedPermission(cause: unknown): string | undefined {
  const { code, permission, message = '' } = cause as NodeJS.ErrnoException & PermissionDetails;
  if (code !== 'ERR_ACCESS_DENIED') return undefined;
  // Errors that come as events have no such property; the message mostly says it, too.
  return FLAGS[permission ?? ''] ?? /--allow-[a-z-]+/.exec(message)?.[0] ?? '--permission';
}

/** What the permission model adds to `process`, where it is on. */
interface Permitting {
  readonly permission?: { has(scope: string, reference?: string): boolean };
}

interface PermissionDetails {
  /** What Node 20.5 and later call what was lacking. */
  readonly permission?: string;
}

/** As {@link lackedPermission}, with the folder that the option has to name, where it names one. */
export function lackedPermissionAt(cause: unknown, path: string): string | undefined {
  const flag = lackedPermission(cause);
  return flag?.startsWith('--allow-fs') ? `${flag}=${dirname(path)}` : flag;
}

/** Whether this process may not use sockets, Unix sockets among them: Node 26 and later have a permission for that. */
export function lacksNetwork(): boolean {
  const { permission } = process as Permitting;
  // Asked for what it does not know, an older one says no.
  const isKnown = process.allowedNodeEnvironmentFlags.has('--allow-net');
  return permission !== undefined && isKnown && !permission.has('net');
}

/**
 * The options that this process lacks for making and removing a file at a path; none where there is no permission
 * model.
 */
export function lackedForFile(path: string): readonly string[] {
  const { permission } = process as Permitting;
  if (permission === undefined) return [];
  return (['read', 'write'] as const)
    .filter((kind) => !permission.has(`fs.${kind}`, path))
    .map((kind) => `--allow-fs-${kind}=${dirname(path)}`);
}
