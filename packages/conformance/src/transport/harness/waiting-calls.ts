import type { WaitOptions } from '@pageferry/core';
import { expect, test } from 'vitest';
import { expectFailure } from './expectations.js';
import { observe, turns } from './settling.js';
import type { Stage } from './stage.js';

/**
 * A call that waits: its title, what sets a stage on which it waits and returns it, and what it says when it is
 * given up.
 */
export type WaitingCall<S extends Stage> = readonly [
  title: string,
  wait: (stage: S) => Promise<(options: WaitOptions) => Promise<unknown>>,
  says: RegExp,
];

/**
 * Registers that each of the calls can be ended by a signal and by a time limit, and says so.
 *
 * @param file where the calls are made, as stacks name it.
 */
export function describeGivingUp<S extends Stage>(
  stage: S,
  waits: readonly WaitingCall<S>[],
  file: RegExp,
): void {
  test.each(waits)('an abort ends %s', async (_title, wait) => {
    const call = await wait(stage);
    const controller = new AbortController();
    const waiting = observe(call({ signal: controller.signal }));
    await turns();
    expect(waiting.state()).toBe('pending');
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await expectFailure(() => waiting.promise, 'ABORTED');
    expect(error.name).toBe('AbortError');
    expect(error.cause).toBe(reason);
  });

  test.each(waits)('a signal that has fired already ends %s', async (_title, wait) => {
    const call = await wait(stage);
    const reason = { why: 'before it began' };
    const error = await expectFailure(() => call({ signal: AbortSignal.abort(reason) }), 'ABORTED');
    expect(error.cause).toBe(reason);
  });

  test.each(waits)('a time limit ends %s', async (_title, wait) => {
    const call = await wait(stage);
    await expectFailure(() => call({ timeout: 30 }), 'TIMEOUT');
    await expectFailure(() => call({ timeout: 0 }), 'TIMEOUT');
  });

  test.each(waits)('given up, it is said why and from where: %s (11.17)', async (_, wait, says) => {
    const call = await wait(stage);
    const late = await expectFailure(() => call({ timeout: 20 }), 'TIMEOUT');
    expect(late.message).toMatch(/^timed out after 20 ms: /);
    expect(late.message).toMatch(says);
    expect(late.stack).toMatch(file);
    const controller = new AbortController();
    const waiting = call({ signal: controller.signal });
    controller.abort();
    const aborted = await expectFailure(() => waiting, 'ABORTED');
    expect(aborted.message).toMatch(says);
    expect(aborted.stack).toMatch(file);
  });

  test.each(waits)('the earlier of signal and time limit ends %s', async (_title, wait) => {
    const call = await wait(stage);
    const { signal } = new AbortController();
    await expectFailure(() => call({ signal, timeout: 20 }), 'TIMEOUT');
    const controller = new AbortController();
    const waiting = call({ signal: controller.signal, timeout: 60_000 });
    controller.abort();
    await expectFailure(() => waiting, 'ABORTED');
  });
}
