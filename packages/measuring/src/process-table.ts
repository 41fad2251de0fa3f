import { readdirSync, readFileSync } from 'node:fs';

/** proc(5) counts in hundredths of a second (`USER_HZ`), on every architecture that Node runs on. */
export const TICK_MILLISECONDS = 10;

/** What proc_pid_stat(5) says of a process. */
export interface ProcessStatus {
  /** The id of its process group, which is the process id of the group's leader. */
  readonly group: number;
  /** Whether it has ended, and only its exit status is left, which nobody has asked for yet. */
  readonly hasEnded: boolean;
  /** Its processor time, with that of all children that it has waited for. */
  readonly milliseconds: number;
}

/** What is known of one process; `undefined` when there is none with that id. */
export function statusOf(id: number | 'self'): ProcessStatus | undefined {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'latin1');
    // The name before it may have spaces and brackets of its own.
    const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const fields = rest.map(Number);
    const [user = 0, system = 0, theirUser = 0, theirSystem = 0] = fields.slice(10, 14);
    const ticks = user + system + theirUser + theirSystem;
    return {
      group: fields[1] ?? 0,
      hasEnded: state === 'Z' || state === 'X',
      milliseconds: ticks * TICK_MILLISECONDS,
    };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/**
 * The members of a process group, without its leader.
 *
 * @param leader the leader's process id, which is the group's.
 */
export function membersOf(leader: number): readonly ProcessStatus[] {
  return processIds()
    .filter((id) => id !== leader)
    .map(statusOf)
    .filter((status) => status !== undefined)
    .filter(({ group }) => group === leader);
}

function processIds(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return []; // Not Linux.
  }
}
