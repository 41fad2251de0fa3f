import { getSystemErrorMap } from 'node:util';
import { errnoName, PageferryError } from '@pageferry/core';

export { errnoName };

/**
 * The error for a failed system call.
 *
 * @param syscall name of the call, as in section 2 of the manual.
 * @param result the negative result of a {@link LinuxCalls} method.
 * @param context what was being done, for the message.
 */
export function systemCallError(syscall: string, result: number, context = ''): PageferryError {
  const errno = -result;
  const name = errnoName(errno);
  const meaning = getSystemErrorMap().get(result)?.[1] ?? 'unknown error';
  const suffix = context === '' ? '' : ` (${context})`;
  return new PageferryError('SYSTEM_CALL_FAILED', `${syscall}: ${name}, ${meaning}${suffix}`, {
    syscall,
    errno,
    errnoName: name,
  });
}

/**
 * Passes a result that is not negative, throws for one that is.
 *
 * @throws `SYSTEM_CALL_FAILED` with `syscall`, `errno` and `errnoName`.
 */
export function checkResult(result: number, syscall: string, context?: string): number {
  if (result < 0) throw systemCallError(syscall, result, context);
  return result;
}
