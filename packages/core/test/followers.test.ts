import { describe, expect, test } from 'vitest';
import { Followers } from '../dist/waiting/followers.js';
import { stateOf } from './support/turns.js';

/** Something that is settled when the test says so. */
function open(): { isSettled: boolean } {
  return { isSettled: false };
}

describe('those who follow', () => {
  test('are told one by one, as what they wait for is settled', async () => {
    const followers = new Followers();
    const [first, second] = [open(), open()];
    const waiting = [first, second].map((sought) => followers.join(sought, undefined));
    followers.tellSettled();
    expect(await Promise.all(waiting.map(stateOf))).toEqual(['pending', 'pending']);
    second.isSettled = true;
    followers.tellSettled();
    expect(await Promise.all(waiting.map(stateOf))).toEqual(['pending', 'settled']);
    expect(followers.count).toBe(1);
    first.isSettled = true;
    followers.tellSettled();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    expect(followers.count).toBe(0);
  });

  test('learn of the end, all of them', async () => {
    const followers = new Followers();
    const waiting = [followers.join(open(), undefined), followers.join(open(), undefined)];
    followers.tellEnd();
    expect(await Promise.all(waiting)).toEqual(['end', 'end']);
    expect(followers.count).toBe(0);
  });

  test('learn of what has failed, all of them', async () => {
    const followers = new Followers();
    const waiting = [followers.join(open(), undefined), followers.join(open(), undefined)];
    followers.fail(new Error('gone'));
    for (const each of waiting) await expect(each).rejects.toThrow('gone');
    expect(followers.count).toBe(0);
  });

  test('leave when their signal fires, and the others stay', async () => {
    const followers = new Followers();
    const controller = new AbortController();
    const leaving = followers.join(open(), controller.signal);
    const other = open();
    const staying = followers.join(other, new AbortController().signal);
    controller.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    expect(followers.count).toBe(1);
    other.isSettled = true;
    followers.tellSettled();
    expect(await staying).toBeUndefined();
  });

  test('do not even begin under a signal that has fired', async () => {
    const followers = new Followers();
    await expect(followers.join(open(), AbortSignal.abort(new Error('late')))).rejects.toThrow(
      'late',
    );
    expect(followers.count).toBe(0);
  });
});

describe('who looks for them', () => {
  test('has something to go on with as soon as one was told, and enough after sixteen', () => {
    const followers = new Followers();
    const all = Array.from({ length: 20 }, open);
    for (const each of all) followers.join(each, undefined);
    const some = followers.some();
    expect([some.isBegun, some.isSettled]).toEqual([false, false]);
    for (const [index, each] of all.slice(0, 16).entries()) {
      each.isSettled = true;
      followers.tellSettled();
      expect([some.isBegun, some.isSettled]).toEqual([true, index === 15]);
    }
    const others = followers.some();
    expect([others.isBegun, others.isSettled]).toEqual([false, false]);
  });

  test('is done when nobody is left, told or not', () => {
    const followers = new Followers();
    const controller = new AbortController();
    followers.join(open(), controller.signal).catch(() => undefined);
    const some = followers.some();
    controller.abort();
    expect([some.isBegun, some.isSettled]).toEqual([false, true]);
  });
});
