import { constants } from 'node:os';
import { isPageferryError } from '@pageferry/core';
import * as linux from '@pageferry/linux';
import { checkResult, errnoName, systemCallError } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';

describe('a failed system call', () => {
  test('becomes an error that says which call failed, why, and at what', () => {
    const error = systemCallError('mmap', -linux.ENOMEM, '4096 bytes');
    expect(isPageferryError(error, 'SYSTEM_CALL_FAILED')).toBe(true);
    expect(error).toMatchObject({ syscall: 'mmap', errno: 12, errnoName: 'ENOMEM' });
    expect(error.message).toBe('mmap: ENOMEM, not enough memory (4096 bytes)');
  });

  test('says nothing of what was being done where there is nothing to say', () => {
    expect(systemCallError('close', -linux.EBADF).message).toBe(
      'close: EBADF, bad file descriptor',
    );
  });

  test('has a name of sorts even where its number is unknown', () => {
    expect(errnoName(4000)).toBe('errno 4000');
    expect(systemCallError('ioctl', -4000)).toMatchObject({ errno: 4000, errnoName: 'errno 4000' });
  });
});

describe('a result', () => {
  test.each([0, 1, 2 ** 40])('of %i passes', (result) => {
    expect(checkResult(result, 'write')).toBe(result);
  });

  test('that is negative throws', () => {
    expect(() => checkResult(-linux.EPIPE, 'write', 'fd 3')).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'write', errnoName: 'EPIPE' }),
    );
  });
});

describe('the numbers from the kernel’s headers', () => {
  const errors = Object.entries(linux).filter(
    ([name]) => /^E[A-Z]+$/.test(name) && name in constants.errno,
  );

  test.each(errors)('%s is what this system takes it for', (name, value) => {
    expect(value).toBe(constants.errno[name as keyof typeof constants.errno]);
    expect(errnoName(value as number)).toBe(name);
  });

  test('were compared, and not skipped', () => {
    expect(errors.length).toBeGreaterThan(15);
  });
});
