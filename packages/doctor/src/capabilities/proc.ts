import { readFileSync } from 'node:fs';

/** The text of a small file of the kernel's, or `undefined` where it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The number in a file of the kernel's. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined ? undefined : Number(text);
}

/** A field of `/proc/self/status` (proc_pid_status(5)). */
export function statusField(name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readText('/proc/self/status') ?? '')?.[1];
}

const CAP_SYS_ADMIN = 21n;
const CAP_SYS_RESOURCE = 24n;

/** True for a process that the per-user limits on pipes do not bind (pipe(7)). */
export function isPrivileged(): boolean {
  const effective = BigInt(`0x${statusField('CapEff') ?? '0'}`);
  return (
    ((effective >> CAP_SYS_ADMIN) & 1n) === 1n || ((effective >> CAP_SYS_RESOURCE) & 1n) === 1n
  );
}
