import { checkOptions, PageferryError } from '@pageferry/core';
import type { Binding, OwnedFd } from '@pageferry/linux';
import { takeOver } from './adopt.js';
import { loadBinding } from './binding.js';

/** `SD_LISTEN_FDS_START`, sd_listen_fds(3). */
const FIRST = 3;
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/** A descriptor that a service manager has opened for this process. */
export interface ActivationFd {
  /** `FileDescriptorName=` of the unit; `'unknown'` where nothing was said. */
  readonly name: string;
  /** The caller's: a socket that listens goes to {@link listen}, or, by its number, to `net.Server.listen({ fd })`. */
  readonly fd: OwnedFd;
}

/**
 * Takes the descriptors that systemd, or another service manager, has opened for this process (`LISTEN_FDS`,
 * sd_listen_fds(3)). They become close-on-exec, and the variables are removed from the environment: the second call,
 * and every child, finds none. Empty for a process that was not started in this way, or is not the one that was meant
 * (`LISTEN_PID`).
 *
 * @throws `SYSTEM_CALL_FAILED` (`EBADF`) if one of them is not open, `BINDING_UNAVAILABLE`.
 */
export async function takeActivationFds(
  options: { readonly binding?: Binding } = {},
): Promise<ActivationFd[]> {
  checkOptions(options, ['binding']);
  const calls = await loadBinding(options.binding);
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
  if (LISTEN_PID !== String(process.pid) || LISTEN_FDS === undefined) return [];
  for (const name of VARIABLES) delete process.env[name];
  if (!/^\d{1,6}$/.test(LISTEN_FDS)) {
    throw new PageferryError('INVALID_ARGUMENT', `LISTEN_FDS is '${LISTEN_FDS}', and no number`);
  }
  const names = LISTEN_FDNAMES?.split(':') ?? [];
  return Array.from({ length: Number(LISTEN_FDS) }, (_, index) => ({
    name: names[index] || 'unknown',
    fd: takeOver(calls, FIRST + index),
  }));
}
