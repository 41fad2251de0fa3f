import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_ACCMODE,
  O_APPEND,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFIFO,
  S_IFMT,
  SEEK_CUR,
  SEEK_SET,
  STAT_FIELD,
} from '@pageferry/linux';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { NAME_PREFIX } from './support/names.js';
import { isCloseOnExec, openDescriptors } from './support/process-state.js';
import { useResources } from './support/resources.js';

/** close, fcntl, fstat, fchmod and flock. */
export function describeDescriptors({ calls }: SuiteContext): void {
  describe('descriptors', () => {
    const resources = useResources(calls);

    test('a descriptor is gone after close, and closing it again answers EBADF', () => {
      const [readEnd] = resources.pipe();
      resources.close(readEnd);
      expect(openDescriptors().has(readEnd)).toBe(false);
      expect(calls.close(readEnd)).toBe(-EBADF);
    });

    test('a duplicate has the lowest free number from the minimum, and is close-on-exec', () => {
      const [readEnd] = resources.pipe();
      const first = resources.own(calls.duplicate(readEnd, 500));
      const second = resources.own(calls.duplicate(readEnd, 500));
      expect([first, second]).toEqual([500, 501]);
      expect(isCloseOnExec(first)).toBe(true);
    });

    test('a duplicate shares the position, and outlives the original', () => {
      const file = resources.memory(100);
      const duplicate = resources.own(calls.duplicate(file, 0));
      calls.lseek(file, 42, SEEK_SET);
      resources.close(file);
      expect(calls.lseek(duplicate, 0, SEEK_CUR)).toBe(42);
    });

    test('duplicate answers EBADF to a closed descriptor and EINVAL to a minimum below 0', () => {
      const [readEnd] = resources.pipe();
      expect(calls.duplicate(-1, 0)).toBe(-EBADF);
      expect(calls.duplicate(readEnd, -1)).toBe(-EINVAL);
    });

    test('status flags tell the access mode', () => {
      const [readEnd, writeEnd] = resources.pipe();
      expect(calls.getStatusFlags(readEnd) & O_ACCMODE).toBe(O_RDONLY);
      expect(calls.getStatusFlags(writeEnd) & O_ACCMODE).toBe(O_WRONLY);
    });

    test('status flags that are set hold for every duplicate', () => {
      const file = resources.memory(16);
      const duplicate = resources.own(calls.duplicate(file, 0));
      const before = calls.getStatusFlags(file);
      expect(calls.setStatusFlags(file, before | O_NONBLOCK | O_APPEND)).toBe(0);
      expect(calls.getStatusFlags(duplicate)).toBe(before | O_NONBLOCK | O_APPEND);
    });

    test('status flags of a closed descriptor answer EBADF', () => {
      expect(calls.getStatusFlags(-1)).toBe(-EBADF);
      expect(calls.setStatusFlags(-1, 0)).toBe(-EBADF);
    });
  });

  describe('files', () => {
    const resources = useResources(calls);
    let folder = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), `${NAME_PREFIX}-`));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    function openFile(name: string): number {
      return resources.own(openSync(join(folder, name), 'w+'));
    }

    test('fstat writes the fields that Node reports', () => {
      const file = openFile('stat');
      expect(calls.ftruncate(file, 12_345)).toBe(0);
      const status = new BigInt64Array(6);
      expect(calls.fstat(file, status)).toBe(0);
      const expected = fstatSync(file, { bigint: true });
      expect(status[STAT_FIELD.device]).toBe(expected.dev);
      expect(status[STAT_FIELD.inode]).toBe(expected.ino);
      expect(status[STAT_FIELD.mode]).toBe(expected.mode);
      expect(status[STAT_FIELD.size]).toBe(12_345n);
      expect(status[STAT_FIELD.blockSize]).toBe(expected.blksize);
    });

    test('fstat tells a pipe from a device, and names the device', () => {
      const status = new BigInt64Array(6);
      expect(calls.fstat(resources.pipe()[0], status)).toBe(0);
      expect(Number(status[STAT_FIELD.mode]) & S_IFMT).toBe(S_IFIFO);

      const device = resources.own(openSync('/dev/null', 'r'));
      expect(calls.fstat(device, status)).toBe(0);
      expect(status[STAT_FIELD.specialDevice]).toBe(fstatSync(device, { bigint: true }).rdev);
    });

    test('fstat answers EFAULT to an array that is too short, and EBADF to a closed file', () => {
      const short = new BigInt64Array(5);
      expect(calls.fstat(openFile('short'), short)).toBe(-EFAULT);
      expect(short).toEqual(new BigInt64Array(5));
      expect(calls.fstat(-1, new BigInt64Array(6))).toBe(-EBADF);
    });

    test('fchmod changes the permissions', () => {
      const file = openFile('mode');
      expect(calls.fchmod(file, 0o640)).toBe(0);
      expect(statSync(join(folder, 'mode')).mode & 0o777).toBe(0o640);
      expect(calls.fchmod(-1, 0o640)).toBe(-EBADF);
    });

    test('an exclusive lock keeps others out until it is given up', () => {
      const holder = openFile('lock');
      const other = openFile('lock');
      expect(calls.flock(holder, LOCK_EX | LOCK_NB)).toBe(0);
      expect(calls.flock(other, LOCK_SH | LOCK_NB)).toBe(-EAGAIN);
      expect(calls.flock(holder, LOCK_UN)).toBe(0);
      expect(calls.flock(other, LOCK_EX | LOCK_NB)).toBe(0);
    });

    test('shared locks go together, and a lock ends with its file', () => {
      const first = openSync(join(folder, 'shared-lock'), 'w+');
      const second = openFile('shared-lock');
      expect(calls.flock(first, LOCK_SH | LOCK_NB)).toBe(0);
      expect(calls.flock(second, LOCK_SH | LOCK_NB)).toBe(0);
      closeSync(first);
      expect(calls.flock(second, LOCK_EX | LOCK_NB)).toBe(0);
      expect(calls.flock(-1, LOCK_EX)).toBe(-EBADF);
    });
  });
}
