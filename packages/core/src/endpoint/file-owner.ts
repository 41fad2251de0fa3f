import { lstatSync } from 'node:fs';
import { looksAbandoned } from './socket-table.js';

/**
 * Says whose a socket file is that this user may not connect to, or replace, as the end of a message. The
 * owner is who has bound it: a sender that changes its user afterwards (setuid(2)) does not change that.
 *
 * @returns '' if it is this user's, or cannot be told.
 */
export function describeOwner(path: string): string {
  try {
    const { uid } = lstatSync(path, { bigint: true });
    const user = process.geteuid?.();
    if (Number(uid) === user) return '';
    const words = `: its file is user ${uid}'s, and this process runs as user ${user}`;
    if (!looksAbandoned(path)) return words;
    return (
      `${words}. It looks stale, no socket of this network namespace is bound there: ` +
      `user ${uid} or root can remove or replace it`
    );
  } catch {
    return '';
  }
}
