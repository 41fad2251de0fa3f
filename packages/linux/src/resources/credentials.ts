import { overflowUid, type PeerCredentials } from '@pageferry/core';

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
