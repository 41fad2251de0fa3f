import { runInNewContext } from 'node:vm';
import { isPageferryError } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { useStage } from '../harness/stage.js';
import { fillPattern } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

/** A signal as jsdom's: it has the shape of one, and another class. */
class ForeignSignal {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Set<(event: { readonly currentTarget: unknown }) => void>();

  addEventListener(_type: string, listener: (event: { currentTarget: unknown }) => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: string, listener: (event: { currentTarget: unknown }) => void): void {
    this.#listeners.delete(listener);
  }

  fire(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    for (const listener of [...this.#listeners]) listener.call(this, { currentTarget: this });
  }
}

/** Values of another realm (node:vm, Jest, jsdom) are of other classes, and as good as any. */
export function describeRealms(subject: Subject): void {
  describe('other realms', () => {
    const stage = useStage(subject);

    test('bytes of another realm are sent (11.18)', async () => {
      const { sender, receiver } = await stage.outgoing();
      const bytes = runInNewContext('new Uint8Array(5000)') as Uint8Array;
      expect(bytes instanceof Uint8Array).toBe(false);
      fillPattern(bytes, 0);
      expect(await sender.send(bytes)).toBe('sent');
      expectReceived(await receiver.receive(1), { messages: 1, bytes: 5000 });
    });

    test('options and signals of another realm end a wait (11.18)', async () => {
      const { receiver } = await stage.incoming();
      const signal = new ForeignSignal();
      const options = runInNewContext('({})') as { signal?: unknown };
      options.signal = signal;
      const receiving = receiver.receive(options as { signal: AbortSignal });
      signal.fire('enough');
      const error = await expectFailure(() => receiving, 'ABORTED');
      expect(error.cause).toBe('enough');
    });

    test('an error is known in another realm (11.18)', () => {
      const error = runInNewContext(
        "Object.assign(new Error('it ended'), { name: 'PageferryError', code: 'PEER_DIED' })",
      ) as Error;
      expect(error instanceof Error).toBe(false);
      expect(isPageferryError(error, 'PEER_DIED')).toBe(true);
      expect(isPageferryError(error, 'CLOSED')).toBe(false);
    });
  });
}
