import {
  EINVAL,
  ENOMEM,
  ENOSYS,
  EPERM,
  globalExpeditedBarrier,
  MEMBARRIER_CMD_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_QUERY,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
  registerGlobalExpedited,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

/** What Linux 6.x has. */
const ALL_COMMANDS = 0x3ff;
const QUERY = ['membarrier', MEMBARRIER_CMD_QUERY, 0];
const REGISTER = ['membarrier', MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0];

/** A kernel that answers a query, and a registration. */
function kernel(query: number, registration: number) {
  return fakeCalls({
    membarrier: (command) => (command === MEMBARRIER_CMD_QUERY ? query : registration),
  });
}

describe('a process registers for the barriers of others', () => {
  test('where the kernel has them', () => {
    const { calls, made } = kernel(ALL_COMMANDS, 0);
    expect(registerGlobalExpedited(calls, 'x64')).toBe(true);
    expect(made).toEqual([QUERY, REGISTER]);
  });

  test.each([
    ['there is no such call', -ENOSYS],
    ['a filter refuses the call', -EPERM],
    ['the call is another one', -EINVAL],
    ['there are no commands', 0],
    ['there is the slow barrier only, before Linux 4.16', 1],
    ['it can be issued, and not be registered for', MEMBARRIER_CMD_GLOBAL_EXPEDITED],
    ['it can be registered for, and not be issued', MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED],
  ])('not where %s: it only asks', (_, query) => {
    const { calls, made } = kernel(query, 0);
    expect(registerGlobalExpedited(calls, 'x64')).toBe(false);
    expect(made).toEqual([QUERY]);
  });

  test.each([
    ['ENOSYS', ENOSYS],
    ['EPERM', EPERM],
    ['EINVAL', EINVAL],
    ['ENOMEM', ENOMEM],
  ])('not where the kernel says that it can, and answers %s', (_, errno) => {
    const { calls, made } = kernel(ALL_COMMANDS, -errno);
    expect(registerGlobalExpedited(calls, 'x64')).toBe(false);
    expect(made).toEqual([QUERY, REGISTER]);
  });

  test.each(['arm64', 'riscv64', 'ia32'])('not on %s: it does not even ask', (architecture) => {
    const { calls, made } = kernel(ALL_COMMANDS, 0);
    expect(registerGlobalExpedited(calls, architecture)).toBe(false);
    expect(made).toEqual([]);
  });

  test('on the processor that it runs on, unless it is told of another', () => {
    const { calls } = kernel(ALL_COMMANDS, 0);
    expect(registerGlobalExpedited(calls)).toBe(process.arch === 'x64');
  });
});

describe('a barrier for all who have registered', () => {
  test('is one system call', () => {
    const { calls, made } = fakeCalls({ membarrier: () => 0 });
    globalExpeditedBarrier(calls);
    expect(made).toEqual([['membarrier', MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0]]);
  });

  test.each([
    ['ENOMEM', ENOMEM],
    ['EPERM', EPERM],
  ])('that fails with %s is an error: nobody may rely on it', (errnoName, errno) => {
    const { calls } = fakeCalls({ membarrier: () => -errno });
    expect(() => globalExpeditedBarrier(calls)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'membarrier', errnoName }),
    );
  });
});
