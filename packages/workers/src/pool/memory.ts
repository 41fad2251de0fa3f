import { readFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

/**
 * The memory that this worker has to itself, in bytes: of a process what is resident and neither a file's nor shared, so
 * that messages do not count; of a thread its heap and what hangs on that.
 */
export function ownMemory(): number {
  const anonymous = isMainThread ? anonymousBytes() : undefined;
  if (anonymous !== undefined) return anonymous;
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}

/** `RssAnon` of proc_pid_status(5); `undefined` where there is none, or it may not be read. */
function anonymousBytes(): number | undefined {
  try {
    const [, kibibytes] =
      /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
