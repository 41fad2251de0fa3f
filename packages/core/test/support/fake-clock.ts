import { clock } from '@pageferry/core';
import { onTestFinished, vi } from 'vitest';

/** Has the timers of this test stand still until `vi` moves them, those of the package too. */
export function useFakeClock(): void {
  const real = { ...clock };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  Object.assign(clock, { setTimeout, clearTimeout });
  onTestFinished(() => {
    vi.useRealTimers();
    Object.assign(clock, real);
  });
}
