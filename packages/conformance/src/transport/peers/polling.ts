import { turns } from '../harness/settling.js';

/** Looks again and again, as a program that polls does; each time what is due on the event loop is done. */
export async function poll<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await turns(1);
  }
}

/** The outcome of an attempt to send, for {@link poll}: `undefined` while there is no room. */
export function unlessFull(outcome: string): string | undefined {
  return outcome === 'full' ? undefined : outcome;
}
