import { isPageferryError, PageferryError } from '@pageferry/core';
import { expect, test } from 'vitest';

test('an error carries its code and what else is known', () => {
  const cause = new Error('why');
  const error = new PageferryError('SYSTEM_CALL_FAILED', 'splice failed', {
    cause,
    syscall: 'splice',
    errno: 28,
    errnoName: 'ENOSPC',
    bytesTransferred: 5,
  });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'PageferryError',
    message: 'splice failed',
    code: 'SYSTEM_CALL_FAILED',
    syscall: 'splice',
    errno: 28,
    errnoName: 'ENOSPC',
    bytesTransferred: 5,
    cause,
  });
});

test('an abort looks like every other abort of Node', () => {
  expect(new PageferryError('ABORTED', 'stopped').name).toBe('AbortError');
});

test('isPageferryError knows its own, and one code from another', () => {
  const error = new PageferryError('CLOSED', 'closed');
  expect(isPageferryError(error)).toBe(true);
  expect(isPageferryError(error, 'CLOSED')).toBe(true);
  expect(isPageferryError(error, 'TIMEOUT')).toBe(false);
  expect(isPageferryError(new PageferryError('ABORTED', 'x'), 'ABORTED')).toBe(true);
  for (const other of [new Error('x'), { code: 'CLOSED' }, 'CLOSED', null, undefined]) {
    expect(isPageferryError(other)).toBe(false);
  }
  const ofNode = new DOMException('x', 'AbortError');
  expect(isPageferryError(ofNode)).toBe(false);
});

test('isPageferryError knows errors of a second copy of the package', () => {
  const twin = Object.assign(new Error('closed'), { name: 'PageferryError', code: 'CLOSED' });
  expect(isPageferryError(twin, 'CLOSED')).toBe(true);
});
