import { readFileSync } from 'node:fs';
import type { PeerCredentials } from '@pageferry/core';

/** What the kernel calls a user whom this process' user namespace does not know, unless told otherwise. */
const USUAL_OVERFLOW_UID = 65534;

/**
 * Puts credentials into words of their own, from pid, uid and gid as the kernel has them.
 *
 * `undefined` if there are none: nobody has told them (`SCM_CREDENTIALS`, unix(7)).
 */
export function toCredentials(fields: Int32Array): PeerCredentials | undefined {
  const [pid = 0, uid = 0, gid = 0] = fields;
  // User and group ids are unsigned.
  const credentials = { pid: pid === 0 ? undefined : pid, uid: uid >>> 0, gid: gid >>> 0 };
  return pid === 0 && credentials.uid === overflowUid() ? undefined : credentials;
}

/**
 * The user id that stands for every user whom this process' user namespace does not know
 * (`/proc/sys/kernel/overflowuid`, user_namespaces(7)).
 */
export function overflowUid(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1'));
  } catch {
    return USUAL_OVERFLOW_UID;
  }
}
