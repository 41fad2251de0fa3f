import {
  createMemoryFile,
  EACCES,
  EINVAL,
  EMFILE,
  MFD_ALLOW_SEALING,
  MFD_NOEXEC_SEAL,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const NEW = MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL;

/** Calls of which `memfdCreate` answers as `answer` says. */
function callsThatAnswer(answer: (flags: number) => number) {
  const { calls, made } = fakeCalls({
    closeAtThreadEnd: () => 0,
    memfdCreate: (_, flags) => answer(flags),
  });
  const flags = () => made.filter(([name]) => name === 'memfdCreate').map((call) => call[2]);
  return { calls, flags };
}

describe('a memory file', () => {
  test('is none that could be run, where the kernel is told to give out no other (11.22)', () => {
    const strict = callsThatAnswer((flags) => ((flags & MFD_NOEXEC_SEAL) === 0 ? -EACCES : 7));
    expect(createMemoryFile(strict.calls, 'name').fd).toBe(7);
    expect(strict.flags()).toEqual([NEW]);
  });

  test('is made as ever by a kernel that does not know of that, which is asked once (11.22)', () => {
    const old = callsThatAnswer((flags) => ((flags & MFD_NOEXEC_SEAL) === 0 ? 7 : -EINVAL));
    expect(createMemoryFile(old.calls, 'name').fd).toBe(7);
    expect(createMemoryFile(old.calls, 'name').fd).toBe(7);
    expect(old.flags()).toEqual([NEW, MFD_ALLOW_SEALING, MFD_ALLOW_SEALING]);
  });

  test.each([
    ['EACCES', EACCES],
    ['EINVAL', EINVAL],
    ['EMFILE', EMFILE],
  ])('that cannot be made says why: %s (11.22)', (errnoName, errno) => {
    const { calls } = callsThatAnswer(() => -errno);
    for (let time = 0; time < 2; time++) {
      expect(() => createMemoryFile(calls, 'name')).toThrow(
        expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', syscall: 'memfd_create', errnoName }),
      );
    }
  });

  test('is not taken for one of an old kernel because something else was wrong (11.22)', () => {
    const answers = [-EINVAL, -EINVAL, 7];
    const { calls, flags } = callsThatAnswer(() => answers.shift() as number);
    expect(() => createMemoryFile(calls, 'n'.repeat(300))).toThrow();
    createMemoryFile(calls, 'name');
    expect(flags()).toEqual([NEW, MFD_ALLOW_SEALING, NEW]);
  });
});
