import { EMFILE, OwnedFd } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import { fakeCalls } from './fake-calls.js';

const CLOSED = expect.objectContaining({ code: 'CLOSED' });

function setUp() {
  const { calls, made } = fakeCalls({
    close: () => 0,
    closeAtThreadEnd: () => 0,
    duplicate: () => 8,
  });
  return { calls, made, fd: new OwnedFd(calls, 7) };
}

describe('an owned descriptor', () => {
  test('is closed at the end of its thread, unless somebody closes it before', () => {
    const { made } = setUp();
    expect(made).toEqual([['closeAtThreadEnd', 7, true]]);
  });

  test('is closed exactly once, however often it is closed', () => {
    const { fd, made } = setUp();
    fd.close();
    fd.close();
    fd[Symbol.dispose]();
    expect(made.filter(([name]) => name === 'close')).toEqual([['close', 7]]);
    expect(fd.open).toBe(false);
  });

  test('is not closed again when close has failed: the number may be another file’s by now', () => {
    const { calls, made } = fakeCalls({ close: () => -5, closeAtThreadEnd: () => 0 });
    const fd = new OwnedFd(calls, 7);
    fd.close();
    fd.close();
    expect(made.filter(([name]) => name === 'close')).toEqual([['close', 7]]);
  });

  test('is closed at the end of a block', () => {
    const { fd, made } = setUp();
    {
      using _fd = fd;
    }
    expect(made.at(-1)).toEqual(['close', 7]);
  });

  test('has no number any more once it is closed', () => {
    const { fd } = setUp();
    expect(fd.fd).toBe(7);
    fd.close();
    expect(() => fd.fd).toThrow(CLOSED);
    expect(() => fd.duplicate()).toThrow(CLOSED);
    expect(() => fd.release()).toThrow(CLOSED);
  });

  test('can be 0', () => {
    const { calls, made } = fakeCalls({ close: () => 0, closeAtThreadEnd: () => 0 });
    const fd = new OwnedFd(calls, 0);
    expect([fd.open, fd.fd]).toEqual([true, 0]);
    fd.close();
    expect(made.at(-1)).toEqual(['close', 0]);
  });

  test('is left open once it is released, at the end of its thread too', () => {
    const { fd, made } = setUp();
    expect(fd.release()).toBe(7);
    fd.close();
    expect(made).toEqual([
      ['closeAtThreadEnd', 7, true],
      ['closeAtThreadEnd', 7, false],
    ]);
    expect(() => fd.release()).toThrow(CLOSED);
  });

  test('has duplicates that are closed on their own', () => {
    const { fd, made } = setUp();
    const duplicate = fd.duplicate();
    fd.close();
    expect(duplicate.fd).toBe(8);
    duplicate.close();
    expect(made.filter(([name]) => name === 'close')).toEqual([
      ['close', 7],
      ['close', 8],
    ]);
  });

  test('tells why it cannot be duplicated', () => {
    const { calls } = fakeCalls({ duplicate: () => -EMFILE });
    expect(() => OwnedFd.duplicateOf(calls, 7)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }),
    );
  });
});
